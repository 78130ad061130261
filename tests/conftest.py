"""What every test stands on."""

import os

from hypothesis import settings

# A loaded machine makes one example slow; that is no defect. The same examples each time make a red
# run one that anybody can repeat; RTCGUARD_EXAMPLES=5000 looks for new ones.
look_for_new = "RTCGUARD_EXAMPLES" in os.environ
settings.register_profile("rtcguard", deadline=None, derandomize=not look_for_new)
settings.load_profile("rtcguard")
