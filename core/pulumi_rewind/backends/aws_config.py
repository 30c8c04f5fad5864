"""What AWS's configuration file says of a profile's region and endpoint, without botocore: static keys need no more.

Source of the format: the reference guide of AWS SDKs and tools, "Shared config and credentials files".
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass
from pathlib import Path

from pulumi_rewind.system.untrusted import read_text


@dataclass(frozen=True)
class AwsProfile:
    """The settings of a profile; empty where it has none."""

    region: str = ""
    endpoint: str = ""
    """For S3."""


def aws_profile(environ: Mapping[str, str], name: str = "") -> AwsProfile:
    """The profile of a name; without one that of the environment, or the default.

    A file that can't be read has no settings: whoever needs its credentials says what is wrong with it.
    """
    name = name or environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or "default"
    home = environ.get("HOME", "")
    file = environ.get("AWS_CONFIG_FILE") or (f"{home}/.aws/config" if home else "")
    if not file:
        return AwsProfile()
    sections = ConfigParser(interpolation=None, strict=False, default_section="")
    with contextlib.suppress(OSError, ValueError, Error):
        sections.read_string(read_text(Path(file.replace("~", home, 1) if file.startswith("~/") else file)))
    for section in (f"profile {name}", name if name == "default" else ""):
        if sections.has_section(section):
            found = sections[section]
            endpoint = _service_endpoint(sections, found.get("services", "")) or found.get("endpoint_url", "")
            return AwsProfile(found.get("region", ""), endpoint)
    return AwsProfile()


def _service_endpoint(sections: ConfigParser, services: str) -> str:
    """S3's own in a ``[services NAME]`` section, where it is an indented line below ``s3 =``."""
    lines = sections.get(f"services {services}", "s3", fallback="").splitlines()
    pairs = (line.partition("=") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == "endpoint_url"), "")
