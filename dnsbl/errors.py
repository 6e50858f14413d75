"""The one base of this project's errors.

Each error stands beside what raises it, descends from here, and reads as a
sentence that says what is wrong and, where it can, what to do.
"""


class DnsblError(Exception):
    """Something that the operator or the other side can mend; never a bug of ours."""
