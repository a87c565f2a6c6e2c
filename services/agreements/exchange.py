"""Agreements as files of other forms and back: YAML and JSON text, with what was lost or assumed. Door side; keeps nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

import yaml

from services.agreements.document import Form, read_documents
from services.agreements.openslo import Given, Imported, from_openslo
from services.agreements.openslo_export import to_openslo
from services.agreements.remark import Remark, Tree
from services.agreements.terms import Terms, to_document
from services.agreements.tmforum import Agreed, to_tmf623, to_tmf657

ExportForm: TypeAlias = Literal["openslo", "tmf623", "tmf657", "terms"]
ImportForm: TypeAlias = Literal["openslo"]
EXPORT_FORMS: tuple[ExportForm, ...] = ("openslo", "tmf623", "tmf657", "terms")
IMPORT_FORMS: tuple[ImportForm, ...] = ("openslo",)

_WIDTH = 120


@dataclass(frozen=True, kw_only=True)
class File:
    """`text` is the whole file, as it can be written; `remarks` tell what of the terms it does not say."""

    media_type: str
    text: str
    remarks: tuple[Remark, ...]


def exported(agreed: Agreed, form: ExportForm) -> File:
    match form:
        case "openslo":
            slos = to_openslo(agreed.terms)
            return File(media_type="application/yaml", text=yaml_text(slos.documents), remarks=slos.remarks)
        case "tmf623":
            sla = to_tmf623(agreed)
            return File(media_type="application/json", text=_json_text(sla.document), remarks=sla.remarks)
        case "tmf657":
            quality = to_tmf657(agreed)
            return File(media_type="application/json", text=_json_text(quality.document), remarks=quality.remarks)
        case "terms":
            return File(media_type="application/yaml", text=terms_text(agreed.terms), remarks=())


def imported(content: bytes, *, given: Given, form: Form) -> Imported:
    """The terms in OpenSLO documents. Refuses with `UnreadableDocument` and `Invalid`."""
    return from_openslo(read_documents(content, form=form), given)


def terms_text(terms: Terms) -> str:
    return yaml_text([to_document(terms)])


def yaml_text(documents: Sequence[Tree]) -> str:
    """The documents one after another, in the order of their keys, every value written out."""
    text: str = yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, explicit_start=len(documents) > 1
    )
    return text


def _json_text(document: Tree) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


class _Dumper(yaml.SafeDumper):
    """Numbers stay exact, and nothing is an alias of something else."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _number(dumper: yaml.SafeDumper, number: Decimal) -> yaml.ScalarNode:
    text = f"{number:f}"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in text else 'int'}", text)


_Dumper.add_representer(Decimal, _number)
