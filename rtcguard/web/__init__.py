"""The local site: what rtcguard shows in a browser. So far one page, at http://rtcguard.test/."""
