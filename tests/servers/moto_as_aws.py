"""moto's server, with one answer as AWS gives it.

A rollback that was killed asks once more for what is done already. Where a role is gone from its instance profile, AWS
says NoSuchEntity (IAM API Reference, RemoveRoleFromInstanceProfile), which providers take for an answer. moto 5.2
breaks off with status 500, and providers repeat the call for half an hour.
"""

from __future__ import annotations

from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend
from moto.server import main

_moto = IAMBackend.remove_role_from_instance_profile


def remove_role_from_instance_profile(self: IAMBackend, profile_name: str, role_name: str) -> None:
    """As moto does, if there is something to remove."""
    if role_name not in {role.name for role in self.get_instance_profile(profile_name).roles}:
        raise NotFoundException(f"Role {role_name} in instance profile {profile_name} not found")
    _moto(self, profile_name, role_name)


if __name__ == "__main__":
    IAMBackend.remove_role_from_instance_profile = remove_role_from_instance_profile  # type: ignore[method-assign]
    main()
