"""What every test stands on."""

from hypothesis import settings

# A loaded machine makes one example slow; that is no defect.
settings.register_profile("rtcguard", deadline=None)
settings.load_profile("rtcguard")
