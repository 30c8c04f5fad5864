"""pulumi-rewind: the core engine, as a library.

Nothing here imports a user interface; heavy parts (the engine, gRPC, git) load when first needed.
"""

__version__ = "0.1.0"
