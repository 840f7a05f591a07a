"""Public checks of skeleton. They run in the grader sandbox, never beside the candidate's code."""

from harness.testing import check, expect
from harness.testing.broker import Broker
from harness.testing.ends import ended
from harness.testing.job import Job

SECONDS = 5.0


@check("answers/sums")
def test_sum_is_exact(job: Job, broker: Broker) -> None:
    """A few hundred numbers, some beyond 64 bits, drawn from the seed so that no answer can be prepared."""
    rng = job.rng("answers/sums")
    numbers = [rng.randrange(-(10**6), 10**6) for _ in range(300)] + [rng.randrange(2**64, 2**70) for _ in range(3)]
    text = "".join(f"{number}\n" for number in numbers)

    ran = broker.run(stdin=text.encode(), timeout_seconds=SECONDS)

    expect(ran.exit_code == 0 and not ran.timed_out, ended(ran))
    answer = ran.stdout.decode(errors="replace").strip()
    expect(answer == str(sum(numbers)), "The sum is wrong", expected=sum(numbers), found=answer)
