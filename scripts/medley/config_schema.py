"""config.yaml against its JSON schema: every violation as one readable line."""

import copy
import difflib
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.files import read_json

if TYPE_CHECKING:
    from jsonschema import ValidationError

SCHEMA = Path(__file__).parents[2] / "rules" / "schemas" / "config.schema.json"

KINDS = {
    "object": "keys with values",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}
NAME = "a name has letters, digits, _ and -, and begins with a letter or digit"


@functools.cache
def schema() -> dict[str, Any]:
    """Return the JSON schema of config.yaml."""
    loaded: dict[str, Any] = read_json(SCHEMA)
    return loaded


def defaults(definition: str | None = None) -> dict[str, Any]:
    """Return the defaults of the keys of one ``$defs`` entry, or of the top level."""
    part = schema()["$defs"][definition] if definition else schema()
    return {key: copy.deepcopy(value["default"]) for key, value in part["properties"].items() if "default" in value}


def in_order(definition: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``value`` with its keys in the order in which a ``$defs`` entry lists them."""
    return {key: value[key] for key in schema()["$defs"][definition]["properties"] if key in value}


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'fpn'?`` for a near miss of a known name, else the known names."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(names)}" if names else "there is none"


def unknown(path: str, what: str, name: str, choices: Iterable[str]) -> Iterator[str]:
    """Yield a line unless ``name`` is one of ``choices``."""
    if name not in choices:
        yield f"{path}: no {what} {name!r}; {suggestion(name, choices)}"


def foreign_keys(value: Any, path: tuple[Any, ...] = ()) -> list[str]:
    """Return a line for every key that YAML did not read as text, such as ``2018`` or ``yes``."""
    if isinstance(value, list):
        return [line for index, child in enumerate(value) for line in foreign_keys(child, (*path, index))]
    lines = []
    for key, child in value.items() if isinstance(value, Mapping) else ():
        inner = (*path, str(key))
        if not isinstance(key, str):
            lines.append(f"{dotted(inner)}: YAML reads this key as {_kind_of(key)}; write it in quotes")
        lines += foreign_keys(child, inner)
    return lines


def violations(raw: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Return a line per violation of the schema, and a copy of ``raw`` without what violates it.

    The copy lets the checks that follow report their own problems in the same go: unknown keys
    and wrong values are gone from it (a wrong mapping is an empty one), missing keys stay missing.
    """
    # Imported here: 80 ms that only the start of a run has to pay.
    from jsonschema import Draft202012Validator

    errors = sorted(Draft202012Validator(schema()).iter_errors(raw), key=lambda error: list(map(str, error.path)))
    sound = copy.deepcopy(dict(raw))
    for error in errors:
        _remove(sound, error)
    return [line for error in errors for line in _lines(error)], sound


def dotted(path: Iterable[Any]) -> str:
    """Return a path of keys and list positions as ``studies.acdc.seeds[0]``."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")


def _lines(error: "ValidationError") -> list[str]:
    """Return the lines ``key.path: what is wrong; what would be right`` of one schema error."""
    value: Any = error.instance
    limit: Any = error.validator_value
    path = list(error.absolute_path)
    where, keyword = dotted(path) or "config.yaml", error.validator
    if keyword == "additionalProperties":
        known = _properties(error)
        return [f"{dotted([*path, key])}: unknown key; {suggestion(key, known)}" for key in _unknown(error)]
    if keyword == "required":
        missing = next(key for key in limit if key not in value and repr(key) in error.message)
        meaning = _described(_properties(error).get(missing, {}))
        return [f"{where}: no {missing!r}; add it{f' ({meaning})' if meaning else ''}"]
    if keyword == "type":
        return [f"{where}: {value!r} is {_kind_of(value)}; {_right_kind(value, limit)}"]
    if keyword in ("enum", "const"):
        allowed = limit if keyword == "enum" else [limit]
        near = difflib.get_close_matches(str(value), [str(choice) for choice in allowed], n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(map(_yaml, allowed))}"
        return [f"{where}: {_yaml(value)} is not allowed; {hint}"]
    if keyword == "pattern":
        return [f"{where}: {value!r} is not a name; {NAME}"]
    if keyword == "anyOf":
        return [f"{where}: {value!r} is not allowed; write {_described(error.schema)}"]
    if keyword == "not":
        return [f"{where}: this key has no place here; remove it"]
    return [f"{where}: {_bound(str(keyword), value, limit)}"]


def _bound(keyword: str, value: Any, limit: Any) -> str:
    """Return what is wrong with a value outside its bounds, and the bounds."""
    wanted = {
        "minimum": f"write at least {limit}",
        "maximum": f"write at most {limit}",
        "exclusiveMinimum": f"write more than {limit}",
        "exclusiveMaximum": f"write less than {limit}",
        "minLength": "write some text",
        "minItems": f"write {limit} entries or more",
        "maxItems": f"write {limit} entries or fewer",
        "minProperties": f"write {limit} entries or more",
        "uniqueItems": "write each entry once",
    }
    return f"{_yaml(value)} is not allowed; {wanted.get(keyword, f'{keyword}: {limit}')}"


def _remove(sound: dict[str, Any], error: "ValidationError") -> None:
    """Take out of ``sound`` what ``error`` is about, of a list the whole; a badly named key may stay."""
    if "propertyNames" in error.absolute_schema_path:
        return
    path = list(error.absolute_path)
    positions = [index for index, key in enumerate(path) if isinstance(key, int)]
    path = path[: positions[0]] if positions else path
    try:
        parent: Any = sound
        for key in path[:-1]:
            parent = parent[key]
        if positions:
            parent.pop(path[-1], None)
        elif error.validator == "additionalProperties":
            for key in _unknown(error):
                (parent[path[-1]] if path else parent).pop(key, None)
        elif error.validator == "type" and error.validator_value == "object":
            parent[path[-1]] = {}
        elif error.validator != "required" and path:
            parent.pop(path[-1], None)
    except KeyError:
        return  # an earlier error has taken the surrounding key out


def _unknown(error: "ValidationError") -> list[str]:
    value: Any = error.instance
    return sorted(set(value) - set(_properties(error)))


def _properties(error: "ValidationError") -> dict[str, Any]:
    """Return the keys that the violated part of the schema knows, with their own schemas."""
    violated: Any = error.schema
    known: dict[str, Any] = violated.get("properties", {})
    return known


def _described(part: Any) -> str:
    return str(part.get("description", ""))


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    kinds = {dict: "object", list: "array", str: "string", float: "number", int: "integer", type(None): "null"}
    return KINDS.get(kinds.get(type(value), ""), type(value).__name__)


def _right_kind(value: Any, allowed: str | list[str]) -> str:
    """Return what to write instead of ``value``, whose kind is not ``allowed``."""
    kinds = [allowed] if isinstance(allowed, str) else allowed
    if isinstance(value, str) and "number" in kinds and _exponent(value):
        return f"write {_exponent(value)}"
    if isinstance(value, str) and "array" in kinds:
        return f"write [{value}]"
    return f"write {' or '.join(KINDS[kind] for kind in kinds)}"


def _exponent(text: str) -> str:
    """Return ``1.0e-4`` for ``1e-4``, which YAML 1.1 reads as text; empty for any other text."""
    match = re.fullmatch(r"([-+]?\d+)(\.\d*)?[eE]([-+]?\d+)", text)
    if not match:
        return ""
    whole, fraction, exponent = match.groups()
    return f"{whole}{fraction if fraction and len(fraction) > 1 else '.0'}e{int(exponent):+d}"


def _yaml(value: Any) -> str:
    return "null" if value is None else str(value)
