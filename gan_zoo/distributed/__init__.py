"""Which devices and hosts train together."""
