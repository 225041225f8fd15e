"""MongoDB: that it takes records, keeps what it has acknowledged, and has the indexes that queries need."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pymongo.errors

from exifinator.binaries import OLDEST_MONGODB, dotted
from exifinator.checks import Finding, ok, warning, wrong
from exifinator.config import Config
from exifinator.errors import EXIFinatorError
from exifinator.home import START
from exifinator.indexes import index_definitions
from exifinator.mongodb import describe_error
from exifinator.probes import MongoInfo, Probe

# A collection that exists for a moment.
TRIAL = "exifinator_doctor"
TRIAL_MS = 5000
URI_FIX = 'in MONGODB_URI: "mongodb://.../?w=majority"'


def check_version(found: MongoInfo) -> Finding:
    version = tuple(map(int, re.findall(r"\d+", found.version)[:2]))
    if version < OLDEST_MONGODB:
        return wrong(
            "mongodb",
            f"MongoDB {found.version} is too old: EXIFinator needs {dotted(OLDEST_MONGODB)} or later",
            "set MONGODB_URI to a newer one   (unset, on this machine, EXIFinator brings one)",
        )
    return ok("mongodb", f"MongoDB {found.version} at {found.address}")


def check_writes(probe: Probe) -> list[Finding]:
    """Write a document, with the write concern of MONGODB_URI, into both databases, and take it away again."""
    findings = []
    for setting, name in (
        ("MONGODB_DATABASE", probe.config.mongodb_database),
        ("MRQ_DATABASE", probe.config.mrq_database),
    ):
        trial = probe.mongodb[name][TRIAL]
        concern = dict(trial.write_concern.document)
        try:
            if concern.get("w") not in (0, None):
                concern.setdefault("wtimeout", TRIAL_MS)
            trial.with_options(write_concern=pymongo.WriteConcern(**concern)).insert_one({"written": True})
            findings.append(ok("mongodb", f"the database {name} takes writes"))
        except pymongo.errors.PyMongoError as exc:
            findings.append(
                wrong(
                    "mongodb",
                    f"the database {name} ({setting}) takes no write: {describe_error(exc)}",
                    "give its user the role readWrite on it, or mend the write concern (w=) in MONGODB_URI",
                )
            )
        finally:
            with contextlib.suppress(pymongo.errors.PyMongoError):
                trial.with_options(write_concern=pymongo.WriteConcern(w=1)).drop()
    return findings


def check_write_concern(found: MongoInfo, probe: Probe) -> Finding:
    """Whether what MongoDB acknowledges is stored for good: the queue forgets an image as soon as it is."""
    concern: dict[str, Any] = dict(probe.store.images.write_concern.document)
    w = concern.get("w", _default_concern(probe))
    if w == 0:
        return wrong(
            "mongodb", "w=0: writes are not acknowledged, so images are taken for stored that are not", URI_FIX
        )
    if concern.get("j") is False:
        return warning(
            "mongodb",
            "journal=false: what was acknowledged is lost when MongoDB is killed",
            'drop "journal=false" from MONGODB_URI',
        )
    if found.hello.get("setName") and w == 1:
        return warning(
            "mongodb",
            "w=1 on a replica set: records that only the primary has are rolled back when another takes over",
            URI_FIX,
        )
    return ok("mongodb", f"writes are acknowledged (w={w if w is not None else '1, the default'})")


def _default_concern(probe: Probe) -> Any:
    """What the server does where the address names no write concern: 1, or what was set for the cluster."""
    try:
        answer = probe.mongodb.admin.command("getDefaultRWConcern")
    except pymongo.errors.PyMongoError:
        return None
    return answer.get("defaultWriteConcern", {}).get("w")


def check_indexes(probe: Probe) -> Finding:
    """Whether the indexes that queries need are there, as they are defined."""
    config: Config = probe.config
    try:
        there = probe.store.images.index_information()
    except pymongo.errors.OperationFailure as exc:
        if exc.code != 26:  # NamespaceNotFound: nothing was stored yet
            raise
        there = {}
    if not there:
        return ok("mongodb", "there are no records yet; the indexes are made with them")
    missing, other = [], []
    for index in index_definitions(config):
        found = there.get(index.name)
        if found is None:
            missing.append(index.name)
        elif list(map(tuple, found["key"])) != list(index.keys):
            other.append(index.name)
    if other:
        names = ", ".join(other)
        drop = "; ".join(f'db.{config.mongodb_collection}.dropIndex("{name}")' for name in other)
        return wrong(
            "mongodb",
            f"indexes of these names are over other fields: {names}",
            f"mongosh {config.mongodb_database} --eval '{drop}'; {START} --restart",
        )
    if missing:
        return wrong(
            "mongodb",
            f"missing indexes, so queries read every record: {', '.join(missing)}",
            f"{START} --restart   (the API makes them as it starts, in the background)",
        )
    return ok("mongodb", f"its {len(index_definitions(config))} indexes are there")


def check_all(probe: Probe) -> list[Finding]:
    """Every check that needs an answer of MongoDB, but for clock and disk."""
    found = probe.read_mongodb()
    findings = [check_version(found), check_write_concern(found, probe), *check_writes(probe)]
    try:
        findings.append(check_indexes(probe))
    except (pymongo.errors.PyMongoError, EXIFinatorError) as exc:
        findings.append(wrong("mongodb", f"its indexes cannot be listed: {describe_error(exc)}", "grant listIndexes"))
    return findings
