"""The scripted payment provider: the other side of PSP.md, on port 9000 of the grader."""

from __future__ import annotations

from decimal import Decimal

from books import WORDS, Books, parse_call

from harness.model import Json
from harness.testing.decider import Decider, error
from harness.testing.decisions import Call, Decision
from harness.testing.diary import Diary
from harness.testing.scripted import Step
from harness.testing.upstreams import Reply, Request
from harness.testing.webhooks import Message, Post

CAPTURED, DECLINED, USED = 201, 402, 409
LATE_SECONDS = 30.0
"""How late the answer to a 504 test amount comes, as PSP.md says."""
_SEQUENCE = {"authorised": 1, "captured": 2, "declined": 2}


class Provider(Decider):
    """Decides what every call comes to. Thread-safe."""

    def __init__(self, books: Books, diary: Diary, post: Post, *, port: int = 0) -> None:
        """Capture into ``books``, tell ``diary``, send webhooks through ``post``."""
        super().__init__(books, diary, post, words=WORDS, accepts=CAPTURED, refuses=DECLINED, port=port)

    def handle(self, request: Request) -> Reply:
        """Answer one request; blocks as long as the script says."""
        if request.path != "/captures":
            return error(404, "no such thing")
        if request.method == "GET":
            ref = request.query.get("ref", "")
            return self.look(ref) if ref else error(400, "expected a ref")
        if request.method != "POST":
            return error(405, "expected GET or POST")
        call = parse_call(request.json(), request.received)
        return error(400, call) if isinstance(call, str) else self.call(call)

    def usual(self, call: Call, before: int) -> Step:
        """Return what PSP.md says of test amounts."""
        whole = int(Decimal(str(call.body["amount"])))
        if whole == 402:
            return Step(status=DECLINED)
        if whole == 500 and before == 0:
            return Step(status=500)
        if whole == 504 and before == 0:
            return Step(answer_after_seconds=LATE_SECONDS)
        return Step()

    def message(self, about: Call, kind: str) -> Message:
        """Return the webhook about a call, or its outcome. The same news always has the same event id."""
        return {
            "event": f"evt-{kind[:4]}-{about.ref[:48]}",
            "sequence": _SEQUENCE[kind],
            "ref": about.ref,
            "type": kind,
            "capture": (about.id if isinstance(about, Decision) else "psp-0") if kind == "captured" else None,
            **about.body,
        }

    def answer(self, decision: Decision, *, new: bool) -> tuple[int, Json]:
        """Return what POST answers."""
        if new and decision.id is None:
            return DECLINED, {"ref": decision.ref, "status": WORDS.outcome(decision)}
        body = {"capture": decision.id, "ref": decision.ref, "status": WORDS.outcome(decision)}
        return CAPTURED if new else USED, dict(body)

    def shown(self, decision: Decision | None) -> Json:
        """Return what GET answers."""
        if decision is None:
            return {"captures": []}
        shown = {"capture": decision.id, "ref": decision.ref, "status": WORDS.outcome(decision), **decision.body}
        return {"captures": [shown]}
