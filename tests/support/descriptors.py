"""Lines about a .proto file, one per field, enum value and call; those of proto/frozen.txt never change.

``python -m support.descriptors BINPB FROZEN`` is the check of `nox -s proto`: it fails when a line is gone, and
adds what is new.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

_HEAD: Final = "# What clients and servers rely on. `nox -s proto` adds lines; none is ever changed or removed.\n"


def described(file: FileDescriptorProto) -> list[str]:
    """Return a line for each field, value of an enum and call."""
    return [
        *(line for message in file.message_type for line in _message(message, "")),
        *(line for enum in file.enum_type for line in _enum(enum, "")),
        *(line for service in file.service for line in _service(service)),
    ]


def changed(frozen: Iterable[str], now: Iterable[str]) -> list[str]:
    """Return the frozen lines that are no longer true."""
    return sorted(set(frozen) - set(now))


def _message(message: DescriptorProto, scope: str) -> Iterator[str]:
    name = f"{scope}{message.name}"
    for field in message.field:
        yield f"{name}.{field.name} = {field.number} {_label(field)}{_type(field)}"
    for enum in message.enum_type:
        yield from _enum(enum, f"{name}.")
    for nested in message.nested_type:
        yield from _message(nested, f"{name}.")


def _label(field: FieldDescriptorProto) -> str:
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return "repeated "
    return "optional " if field.proto3_optional else ""


def _type(field: FieldDescriptorProto) -> str:
    return field.type_name or FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def _enum(enum: EnumDescriptorProto, scope: str) -> Iterator[str]:
    for value in enum.value:
        yield f"{scope}{enum.name}.{value.name} = {value.number}"


def _service(service: ServiceDescriptorProto) -> Iterator[str]:
    for rpc in service.method:
        asks = f"{'stream ' * rpc.client_streaming}{rpc.input_type}"
        yield f"{service.name}.{rpc.name}({asks}) {'stream ' * rpc.server_streaming}{rpc.output_type}"


def main(binary: Path, frozen: Path) -> None:
    """Check the last file of a FileDescriptorSet against the lines in `frozen`, and add what is new to them."""
    now = described(FileDescriptorSet.FromString(binary.read_bytes()).file[-1])
    before = frozen.read_text("utf-8")
    if broken := changed((line for line in before.splitlines() if not line.startswith("#")), now):
        sys.exit("these lines of proto/frozen.txt are no longer true:\n" + "\n".join(broken))
    after = _HEAD + "".join(f"{line}\n" for line in now)
    if after != before:
        frozen.write_text(after, "utf-8")
        sys.exit("proto/frozen.txt lacked what is new in the wire: commit it")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
