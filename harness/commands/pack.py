"""``harness pack``: what one candidate gets, in one file, and the line in the record that says so."""

from __future__ import annotations

import datetime as dt
import os
import secrets
from pathlib import Path

from harness import __version__, console, places, progress, settings, wording
from harness.catalogue import variants
from harness.catalogue.finder import Catalogue
from harness.catalogue.pair import Pair
from harness.errors import ExerciseError, ExitCode, HarnessError, UsageError
from harness.images import recipes
from harness.intake import bundle
from harness.packs import listing, making, record, secret, source, wheels
from harness.packs.listing import Invitation
from harness.packs.making import Made, Wheels
from harness.reports import again


def pack(
    exercise_id: str,
    *,
    candidate: str,
    variant: int | None,
    language: str | None,
    deliver: str,
    out: Path | None,
    found: settings.Settings,
    catalogue: Catalogue,
) -> ExitCode:
    """Write the pack of one candidate, and record it first: whatever a candidate holds is in the record."""
    alias = bundle.expect_alias(candidate)
    pair = catalogue.pair(exercise_id)
    problems = catalogue.problems(exercise_id)
    if problems:
        raise wording.refusal(ExerciseError, f"{exercise_id} can't be given to anybody yet", problems)
    chosen = bundle.choose_language(pair.exercise, language) if language else ""
    _expect_sentence(deliver)
    target = out if out is not None else Path(f"{alias}{source.SUFFIX}")
    if target.suffix.lower() != source.SUFFIX:
        text = f"expected a name that ends in {source.SUFFIX} after --out, by which every verb knows a pack, found {target.name!r}: {target.stem}{source.SUFFIX}?"
        raise UsageError(text)
    places.probe(target.parent, "the pack")
    collected = _wheels(found)
    folder = record.place(pair, found.packs)
    with record.opened(folder, lambda: console.notice(_waiting(folder))) as book:
        _warn(alias, book)
        number = _variant(pair, alias, book) if variant is None else variant
        invitation = Invitation(
            exercise_id=pair.exercise.id,
            version=pair.exercise.version,
            variant=number,
            alias=alias,
            language=chosen,
            deliver=deliver,
        )
        made = making.make(pair, invitation, collected, recipes.folders(catalogue.folders))
        _publish(made, target, book, _line(invitation, made, chosen=variant is not None))
        kept = book.file
    _say(pair, invitation, made, target, kept)
    return ExitCode.PASSED


def _variant(pair: Pair, alias: str, book: record.Book) -> int:
    """Return whose variant it is: the same for the same alias, exercise and version, and nobody else's to work out."""
    exercise, orphans = pair.exercise, book.orphans()
    if orphans:
        console.notice(
            f"{book.file.parent} has no secret, and a record of {orphans} {'pack' if orphans == 1 else 'packs'} whose variant "
            "follows from one: another is made now, so who is packed again may get another variant. To go on with the old one, "
            f"put it into {book.file.parent} from where those were packed, and pack again"
        )
    return variants.number(book.secret(), alias, exercise.id, exercise.version) % variants.count(exercise)


def _waiting(folder: Path) -> str:
    return (
        f"waiting for the record of packs in {wording.visible(str(folder))}, which another process has open: another harness pack, "
        "or one that was stopped (Ctrl-Z); Ctrl-C ends this one, and nothing was packed"
    )


def _warn(alias: str, book: record.Book) -> None:
    """Say what keeps people, or what they may know, less apart than whoever packs would think."""
    if other := book.alike(alias):
        console.notice(
            f"{alias} reads like {other}, who was given a pack as well: to readers, and to some file systems, they are one. "
            "Choose another alias unless they are the same person"
        )
    if book.secret_is_open():
        console.notice(
            f"{book.file.parent} has a secret that others on this machine may read, and from which all variants follow: "
            f"chmod 600 {again.quoted(str(book.file.with_name(secret.FILE)))}"
        )


def _expect_sentence(deliver: str) -> None:
    if len(deliver) > listing.MAX_DELIVER or not (deliver.isprintable()):
        text = (
            f"expected a sentence of at most {listing.MAX_DELIVER} characters on one line after --deliver, found "
            f"{wording.quoted(deliver)}: shorten it"
        )
        raise UsageError(text)


def _wheels(found: settings.Settings) -> Wheels:
    with progress.step("collecting wheels") as say:
        needed, why = wheels.needed(found.wheels, found.cache_dir, say)
    if why:
        console.notice(
            f"the pack has no wheels but ours: {why}. Whoever installs it needs a package index; or name a folder of "
            "wheels with HARNESS_WHEELS"
        )
    system = wheels.system() if needed and found.wheels is None else ""
    return Wheels(own=wheels.own(), needed=needed, system=system)


def _line(invitation: Invitation, made: Made, *, chosen: bool) -> record.Given:
    return record.Given(
        packed_at=dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        exercise=invitation.exercise_id,
        version=invitation.version,
        variant=invitation.variant,
        chosen=chosen,
        alias=invitation.alias,
        language=invitation.language,
        pack=made.digest,
        sha256=made.sha256,
        size=len(made.data),
        harness=__version__,
    )


def _publish(made: Made, target: Path, book: record.Book, line: record.Given) -> None:
    """Write the file beside its place, record it, then give it its name. What is there already stays."""
    if os.path.lexists(target):
        if not _is_there(target, made.data):
            text = f"{target}: expected a new file, found another one there: name one with --out FILE"
            raise UsageError(text)
        book.add(line)
        return
    partial = target.with_name(f".{secrets.token_hex(8)}")
    with places.writing("the pack", target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("xb") as stream:
                stream.write(made.data)
                stream.flush()
                os.fsync(stream.fileno())
            book.add(line)
            partial.rename(target)
        finally:
            partial.unlink(missing_ok=True)


def _is_there(file: Path, content: bytes) -> bool:
    try:
        return places.read(file, len(content)) == content
    except HarnessError:
        return False


def _say(pair: Pair, invitation: Invitation, made: Made, target: Path, kept: Path) -> None:
    size = f"{len(made.data) / 1e6:.1f} MB" if len(made.data) >= 1e6 else f"{len(made.data) / 1e3:.0f} kB"  # noqa: PLR2004 - a million
    console.line(
        f"pack      {target}  ({invitation.exercise_id} {invitation.version}, {len(made.files)} files, {size})"
    )
    there = variants.count(pair.exercise)
    same = f": it reads as {invitation.variant % there} does" if invitation.variant >= there else ""
    console.line(f"candidate {invitation.alias}, variant {invitation.variant} (there are {there}{same})")
    console.line(f"sha256    {made.sha256}")
    console.line(f"recorded  {kept}")
    console.line(f"next      send that file; what comes back: {again.on('grade', 'FILE', pair.sources)}")
