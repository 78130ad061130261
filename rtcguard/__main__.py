"""`python -m rtcguard` is the same as the `rtcguard` command."""

from rtcguard.cli.main import main

if __name__ == "__main__":
    main()
