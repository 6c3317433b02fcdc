"""The version, which a release takes from its tag."""

__version__ = "0.1.0"
