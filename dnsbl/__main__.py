"""`python -m dnsbl`, the same as `dnsbl`."""

from dnsbl.cli import main

if __name__ == "__main__":
    main()
