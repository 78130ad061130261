"""What an editor that has the JSON Schema says of a file."""

from typing import Any

import jsonschema
import ruamel.yaml

from rtcguard.policy.load import schema

_VALIDATOR = jsonschema.Draft202012Validator(schema())


def accepts(content: str) -> bool:
    """Whether nothing is underlined. Editors read YAML 1.2."""
    try:
        read: Any = ruamel.yaml.YAML(typ="safe", pure=True).load(content)
    except ruamel.yaml.error.YAMLError:
        return False
    return bool(_VALIDATOR.is_valid(read))
