"""What each kind of answer means, and what an error says of it."""

from __future__ import annotations

import pytest

from mx_pipeline.errors import (
    BadSettings,
    MxApiError,
    MxContractBroken,
    MxCredentialsRefused,
    MxForbidden,
    MxNotFound,
    MxRateLimited,
    MxRejected,
    MxUnavailable,
)
from mx_pipeline.mx_api import MxClient
from mx_pipeline_tests.mx_api.samples import FIRST_ID, a_payment_detail
from mx_pipeline_tests.mx_api.vendor import a_reply

NOT_YOURS = {
    "errorCode": "Unauthorized",
    "message": "You are not authorized.",
    "details": ["Payment was not found or you do not have access"],
    "responseCode": "eAAAAAAAAAAAAAAAAAAAAAA",
}


def by_id(client: MxClient) -> object:
    return client.get_payment(7)


def listed(client: MxClient) -> object:
    return list(client.list_payments())


@pytest.mark.parametrize(
    ("ask", "status", "body", "meaning"),
    [
        (listed, 401, {"errorCode": "InvalidCredentials"}, MxCredentialsRefused),
        (listed, 200, {"errorCode": "InvalidCredentials"}, MxCredentialsRefused),
        (by_id, 401, {"errorCode": "InvalidCredentials"}, MxCredentialsRefused),
        (by_id, 400, {"errorCode": "InvalidCredentials"}, MxCredentialsRefused),
        (by_id, 200, NOT_YOURS, MxNotFound),
        (by_id, 400, NOT_YOURS, MxNotFound),
        (by_id, 401, NOT_YOURS, MxNotFound),
        (by_id, 403, NOT_YOURS, MxNotFound),
        (by_id, 404, NOT_YOURS, MxNotFound),
        (by_id, 404, b"Not Found", MxNotFound),
        (by_id, 404, b"", MxNotFound),
        (by_id, 401, b"", MxCredentialsRefused),
        (by_id, 403, b"", MxForbidden),
        (by_id, 400, b"", MxRejected),
        (listed, 401, NOT_YOURS, MxForbidden),
        (listed, 200, NOT_YOURS, MxForbidden),
        (listed, 401, b"", MxCredentialsRefused),
        (listed, 403, b"", MxForbidden),
        (listed, 404, b"Not Found", MxContractBroken),
        (listed, 400, {"errorCode": "ValidationError", "details": ["limit"]}, MxRejected),
        (listed, 422, b"", MxRejected),
        (listed, 405, b"", MxRejected),
        (listed, 400, {"errorCode": "ValidationError", "details": None}, MxRejected),
        (listed, 200, {"errorCode": "SomethingNew"}, MxRejected),
        (listed, 500, {"errorCode": "SomethingNew"}, MxUnavailable),
        (listed, 429, b"", MxRateLimited),
        (listed, 503, b"<html>", MxUnavailable),
        (listed, 408, b"", MxUnavailable),
        (listed, 200, {}, MxContractBroken),
        (listed, 200, {"records": None}, MxContractBroken),
        (listed, 200, {"records": {}}, MxContractBroken),
        (listed, 200, {"recordCount": 0}, MxContractBroken),
        (listed, 200, [], MxContractBroken),
        (by_id, 200, {}, MxContractBroken),
        (by_id, 200, [], MxContractBroken),
        (by_id, 200, {"records": []}, MxContractBroken),
    ],
)
def test_h14_h18_h20_h21_h22_an_answer_means_its_error_code_first_and_its_status_second(
    vendor, client, told, ask, status, body, meaning
):
    vendor.answers(a_reply(body, status=status))

    with pytest.raises(MxApiError) as caught:
        ask(client)

    assert type(caught.value) is meaning
    assert {call.outcome for call in told} == {meaning.code}
    assert {call.status for call in told} == {status}
    assert len(told) == (5 if issubclass(meaning, MxUnavailable) else 1)


def test_an_empty_error_code_and_one_inside_a_record_are_no_error(vendor, client):
    vendor.answers(a_reply(a_payment_detail(errorCode=None, meta={"errorCode": "InvalidCredentials"})))

    assert client.get_payment(FIRST_ID + 1).payment_id == FIRST_ID + 1


def test_an_error_says_what_was_tried_what_came_back_and_what_to_do(vendor, client):
    vendor.answers(a_reply(NOT_YOURS, status=401))

    with pytest.raises(MxForbidden) as caught:
        listed(client)

    assert str(caught.value) == (
        "payment list: MX answered 401 Unauthorized: Payment was not found or you do not have access. "
        "The key is not for this merchant; check the merchant's id and its key."
    )


def test_details_are_cut_short_and_cannot_forge_log_lines(vendor, client):
    details = ["bad\r\n\x1b[31mFAKE\u2028LINE\u0085 \ud800" + "x" * 5000]
    vendor.answers(a_reply({"errorCode": "ValidationError\n2", "details": details}, status=400))

    with pytest.raises(MxRejected) as caught:
        listed(client)

    message = str(caught.value)
    assert message.isprintable()
    assert "400 ValidationError 2: bad [31mFAKE LINE" in message
    assert len(message) < 500


@pytest.mark.parametrize("details", ["text", [], [[]], [{"a": 1}], {"a": 1}, 5, None])
def test_details_of_any_other_shape_do_no_harm(vendor, client, details):
    vendor.answers(a_reply({"errorCode": "ValidationError", "details": details}, status=400))

    with pytest.raises(MxRejected, match="400 ValidationError"):
        listed(client)


@pytest.mark.parametrize(
    "base_url",
    [
        "api.mxmerchant.com",
        "ftp://api.mxmerchant.com",
        "file:///etc/passwd",
        "https://user:word@api.mxmerchant.com",
        "https://api.mxmerchant.com/checkout/v3",
        "https://api.mxmerchant.com?x=1",
        "https://",
        "",
    ],
)
def test_s17_the_base_url_is_a_scheme_and_a_host_and_nothing_more(a_client, base_url):
    with pytest.raises(BadSettings, match="scheme and a host"):
        a_client(base_url=base_url)
