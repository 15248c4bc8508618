"""What each record's fields are, read once from the records themselves."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec import inspect

Kind: TypeAlias = Literal["text", "whole", "money", "rate", "instant", "flag", "object"]

ID_FIELDS = frozenset({"merchantId", "invoiceIds"})
"""Numbers that name something, beside a required `id`: 1 to 2^63-1. (An optional `id` may be 0 or absent.)"""
RATES = frozenset({"surchargeRate"})
NOT_ON_THE_WIRE = frozenset({"purchasesAsSent"})


class Field(msgspec.Struct, frozen=True):
    """One declared field."""

    name: str
    wire_name: str
    kind: Kind
    is_required: bool
    is_many: bool
    is_id: bool
    shape: Shape | None


class Shape(msgspec.Struct, frozen=True):
    """The declared fields of one record, or of an object inside it."""

    fields: tuple[Field, ...]

    def names(self, *kinds: Kind, is_many: bool = False, is_id: bool | None = None) -> tuple[str, ...]:
        """The attributes of these kinds, in order."""
        return tuple(
            field.name
            for field in self.fields
            if field.kind in kinds and field.is_many == is_many and is_id in (None, field.is_id)
        )

    def wire_names(self, kind: Kind) -> tuple[str, ...]:
        """The wire names of that kind, here and in the objects inside."""
        own = tuple(field.wire_name for field in self.fields if field.kind == kind)
        return own + tuple(
            name for field in self.fields if field.shape for name in field.shape.wire_names(kind)
        )


def every_name(shape: Shape) -> frozenset[str]:
    """The wire names of all fields, those of the objects inside among them."""
    own = frozenset(field.wire_name for field in shape.fields)
    return own.union(*(every_name(field.shape) for field in shape.fields if field.shape))


def shape_of(record_type: type[msgspec.Struct]) -> Shape:
    """The shape of a record class."""
    described = inspect.type_info(record_type)
    assert isinstance(described, inspect.StructType)
    return _shape(described)


def _shape(described: inspect.StructType) -> Shape:
    return Shape(
        tuple(_field(field) for field in described.fields if field.encode_name not in NOT_ON_THE_WIRE)
    )


def _field(field: inspect.Field) -> Field:
    wanted = field.type
    if isinstance(wanted, inspect.UnionType):
        (wanted,) = (choice for choice in wanted.types if not isinstance(choice, inspect.NoneType))
    is_many = isinstance(wanted, inspect.VarTupleType)
    if isinstance(wanted, inspect.VarTupleType):
        wanted = wanted.item_type
    return Field(
        name=field.name,
        wire_name=field.encode_name,
        kind=_kind(wanted, field.encode_name),
        is_required=field.required,
        is_many=is_many,
        is_id=field.encode_name in ID_FIELDS or (field.required and field.encode_name == "id"),
        shape=_shape(wanted) if isinstance(wanted, inspect.StructType) else None,
    )


def _kind(wanted: inspect.Type, wire_name: str) -> Kind:
    match wanted:
        case inspect.StrType():
            return "text"
        case inspect.IntType():
            return "whole"
        case inspect.DecimalType():
            return "rate" if wire_name in RATES else "money"
        case inspect.DateTimeType():
            return "instant"
        case inspect.BoolType():
            return "flag"
        case inspect.StructType():
            return "object"
        case _:
            raise TypeError(f"{wire_name}: records hold no such type; teach this module before declaring it")
