"""The local site: rtcguard in a browser, at http://rtcguard.test/ and on a port of its own."""
