"""Every call is counted, and a rule may answer in the truth's place."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from mx_pipeline.synthetic_mx import Answer, Asked, FixedAnswer, Rule
from mx_pipeline_tests.synthetic_mx.conftest import Clinic

Make = Callable[..., Clinic]


def test_calls_are_counted_by_merchant_endpoint_and_status(clinic: Make):
    scene, other = clinic(payments=20), clinic(payments=20)
    scene.reader.get("payment", limit=5)
    scene.reader.get("payment/1")
    other.reader.get("invoice")

    calls = scene.mx.calls(scene.id)

    assert calls["counts"] == [
        {"merchant_id": scene.id, "endpoint": "payments", "status": 200, "count": 1},
        {"merchant_id": scene.id, "endpoint": "payment", "status": 401, "count": 1},
    ]
    assert [line["request"] for line in calls["requests"]] == [
        "GET /checkout/v3/payment?limit=5",
        "GET /checkout/v3/payment/1",
    ]
    assert scene.mx.call_count(other.id, "invoices") == 1


def test_counting_starts_anew_on_request(clinic: Make):
    scene = clinic()
    scene.reader.get("payment")

    scene.mx.reset_calls()

    assert scene.mx.calls() == {"total": 0, "most_in_flight": 0, "counts": [], "requests": []}


def test_the_most_calls_in_flight_are_known(clinic: Make):
    scene = clinic()
    scene.mx.behaves(scene.id, latency_ms=200)
    scene.mx.reset_calls()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: scene.reader.get("payment"), range(3)))

    assert scene.mx.calls()["most_in_flight"] == 3


def test_a_rule_answers_the_calls_it_was_made_for(clinic: Make):
    scene = clinic(payments=20)
    scene.mx.answers(
        FixedAnswer(
            endpoint="payments", merchant_id=scene.id, skip=1, times=2, status=503, body="busy",
            content_type="text/plain", headers={"Retry-After": "2"},
        )
    )  # fmt: skip

    answers = [scene.reader.get("payment") for _ in range(4)]
    scene.mx.answers_truthfully()

    assert [answer.status_code for answer in answers] == [200, 503, 503, 200]
    assert (answers[1].text, answers[1].headers["Retry-After"]) == ("busy", "2")


def test_a_rule_in_python_may_change_the_true_answer(clinic: Make):
    async def doubled(asked: Asked, answer: Answer) -> Answer:
        assert asked.endpoint == "payments"
        answer.pieces = [(0, answer.body), (0.01, b" ")]
        answer.headers.append((b"x-synthetic", b"yes"))
        return answer

    scene = clinic(payments=20)
    scene.mx.answers(Rule(act=doubled, endpoint="payments", merchant_id=scene.id, times=1))

    answer = scene.reader.get("payment")
    scene.mx.answers_truthfully()

    assert answer.json()["recordCount"] == 20
    assert answer.content.endswith(b" ")
    assert answer.headers["x-synthetic"] == "yes"
    assert "x-synthetic" not in scene.reader.get("payment").headers
