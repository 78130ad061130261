"""What rtcguard sets on the machine that it runs on: the desktop's proxy, the authority to trust.

Pure parts turn what is set now into a plan of commands and files; `machine` carries it out.
"""
