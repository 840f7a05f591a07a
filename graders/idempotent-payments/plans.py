"""Fault schedules of the hidden checks: pure functions of a random generator and the declared timeouts.

canary-8d41f6b2-payments-c07e95a3
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from schedule import AUTHORISED, CAPTURED, Charge, Script

from harness.testing import scripted
from harness.testing.decider import BUSY
from harness.testing.scripted import Outage, Step
from harness.testing.webhooks import Webhook

ANSWER_BYTES = 190
"""About as long as the provider's whole answer: cuts are drawn over status line, headers and body."""


def undecided_seconds(provider_timeout: float, reconcile: float) -> float:
    """Return how long a call may wait to be repeated: whoever repeats it does so when it has timed out and a look is due."""
    return provider_timeout + 2 * reconcile


def ambiguous_scripts(rng: random.Random, provider_timeout: float, reconcile: float) -> dict[str, Script]:
    """Return one script for each way in which an outcome can stay unclear, by words of the evidence."""
    late, never = 1.6 * provider_timeout, 3.0 * provider_timeout
    undecided = undecided_seconds(provider_timeout, reconcile)
    in_work = Step(wait_seconds=0.3 * provider_timeout)
    return {
        "an answer of 500, nothing captured": (Step(status=500),),
        "503 twice, nothing captured": (Step(status=503), Step(status=503)),
        "429, then 503, nothing captured": (Step(status=429), Step(status=503)),
        "captured, the answer comes late": (Step(answer_after_seconds=late),),
        "captured, the answer never comes": (Step(silent=True, answer_after_seconds=never),),
        "captured late, after the caller gave up": (Step(wait_seconds=1.4 * provider_timeout),),
        "captured, the connection is cut in the head of the answer": (Step(cut_after_bytes=rng.randrange(60)),),
        "captured, the connection is cut in the body of the answer": (
            Step(cut_after_bytes=rng.randrange(ANSWER_BYTES - 60, ANSWER_BYTES - 20)),
        ),
        "captured, cut, and the repeated call fails": (Step(cut_after_bytes=0), Step(status=500), Step(status=429)),
        "captured while the repeated call is in work": (Step(until_repeated_seconds=undecided), in_work),
        "declined while the repeated call is in work": (Step(status=402, until_repeated_seconds=undecided), in_work),
        "declined late, after the caller gave up": (Step(status=402, wait_seconds=1.4 * provider_timeout),),
        "declined, the answer never comes": (Step(status=402, silent=True, answer_after_seconds=never),),
        "slow, in time": (Step(wait_seconds=0.3 * provider_timeout, answer_after_seconds=0.3 * provider_timeout),),
    }


def early_webhook_scripts(provider_timeout: float) -> dict[str, Script]:
    """Return what comes before the provider's answer, by words of the evidence."""
    early = Webhook(type="captured", after_answer=False)
    early_twice = Webhook(type="captured", after_answer=False, copies=2)
    short = 0.2 * provider_timeout
    never = 2.0 * provider_timeout
    return {
        "captured before the answer": (Step(answer_after_seconds=short, webhooks=(early,)),),
        "captured twice before the answer": (Step(answer_after_seconds=short, webhooks=(early_twice,)),),
        "captured before and after the answer": (
            Step(answer_after_seconds=short, webhooks=(early, AUTHORISED, CAPTURED)),
        ),
        "captured before an answer that never comes": (
            Step(silent=True, answer_after_seconds=never, webhooks=(early,)),
        ),
    }


HANGING_SHARE = 8


def outage(rng: random.Random, provider_timeout: float, charges: Sequence[Charge]) -> Outage[Step]:
    """Return an outage: half of the first calls are captured in silence, half are refused, and so are all later ones."""
    silent = Step(silent=True, answer_after_seconds=1.5 * provider_timeout)
    return scripted.outage(rng, [charge.value for charge in charges], [silent, BUSY], later=BUSY)


def hanging(rng: random.Random, charges: Sequence[Charge]) -> tuple[Charge, ...]:
    """Return one in eight charges: of these nothing is heard at all, when others are refused at once."""
    return tuple(rng.sample(charges, len(charges) // HANGING_SHARE))


EXACT = {
    "EUR": ("0.10", "0.20", "0.01", "4.35", "1.10", "2.20", "8.41", "19.99", "1.15", "70.07"),
    "KWD": ("1.005", "0.001", "0.029", *(f"999999999999.{999 - 2 * number:03d}" for number in range(10))),
    "JPY": ("1", "999999999999", "999999999998", "7"),
}
"""Amounts whose cents, or whose sums, binary floating point gets wrong. Chosen by value: volume is not needed."""
