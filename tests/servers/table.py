"""The table of docs/servers.md: which versions were run, when, by which test. Printed by the command that ran them."""

MATRIX = ("14", "15.18", "15", "16", "17", "18")


def keep(row):
    print(row)
