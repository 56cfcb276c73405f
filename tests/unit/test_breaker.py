"""What does not answer is left alone; the log says so once, whoever finds out."""

from serving.breaker import ERRORS, Breaker


def test_the_log_tells_when_it_opens_and_closes(caplog):
    caplog.set_level("INFO", logger="mojoline.serving")
    breaker = Breaker("a store")
    for _ in range(2 * ERRORS):
        breaker.fail("it is away")
    breaker.open("a probe found the same")
    assert breaker.is_open
    for _ in range(2):
        breaker.close()
    assert not breaker.is_open
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said == [
        ("WARNING", "a store is left alone until it answers: it is away"),
        ("INFO", "a store answers again"),
    ]


def test_failures_that_are_far_apart_do_not_open_it():
    now = 0.0
    breaker = Breaker("a store", clock=lambda: now)
    for _ in range(3 * ERRORS):
        breaker.fail("it is slow")
        now += 0.5
    assert not breaker.is_open
