"""The access proof: what two databases differ in, in rows and in words."""
