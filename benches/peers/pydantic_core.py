"""Validates and serialises a list of models, from Python and from JSON."""

import json

from pydantic_core import SchemaSerializer, SchemaValidator, core_schema, from_json, to_json


class Person:
    __slots__ = "__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"


SCHEMA = core_schema.list_schema(
    core_schema.model_schema(
        Person,
        core_schema.model_fields_schema(
            {
                "name": core_schema.model_field(core_schema.str_schema(min_length=1)),
                "age": core_schema.model_field(core_schema.int_schema(ge=0)),
                "friends": core_schema.model_field(core_schema.list_schema(core_schema.str_schema())),
                "born": core_schema.model_field(core_schema.date_schema()),
                "weight": core_schema.model_field(core_schema.nullable_schema(core_schema.float_schema())),
            }
        ),
    )
)
VALIDATOR = SchemaValidator(SCHEMA)
SERIALIZER = SchemaSerializer(SCHEMA)
PERSON = {"name": "a person", "friends": ["a", "b", "c"], "born": "2001-02-03"}
PEOPLE = [{**PERSON, "age": number, "weight": 1.5 * number} for number in range(100)]
TEXT = json.dumps(PEOPLE)
MODELS = VALIDATOR.validate_python(PEOPLE)


def bench_validate_python():
    VALIDATOR.validate_python(PEOPLE)


def bench_validate_json():
    VALIDATOR.validate_json(TEXT)


def bench_to_python():
    SERIALIZER.to_python(MODELS)


def bench_to_json():
    SERIALIZER.to_json(MODELS)


def bench_from_json():
    from_json(TEXT)


def bench_any_to_json():
    to_json(PEOPLE)
