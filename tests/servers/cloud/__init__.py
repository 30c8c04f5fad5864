"""A small server of Pulumi Cloud's API, enough for the real CLI: everything is in memory, on the loopback alone.

It takes states in the three ways that the CLI has: whole, as differences of the last text, and as a journal.
Source: Pulumi's REST documentation, and the requests of the CLI 3.259 and 3.276.
"""
