"""
A plain reader of the vendor's API: everything by HTTP, nothing remembered.
"""

from typing import Any

import requests

from mx_pipeline.synthetic_mx import KeyPair, SyntheticMx

PAGE = 1_000


class Reader:
    def __init__(self, mx: SyntheticMx, key: KeyPair) -> None:
        self.base = f"{mx.url}/checkout/v3/"
        self.session = requests.Session()
        self.session.auth = (key.consumer_key, key.consumer_secret)

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(self.base + path, params=query, timeout=10)

    def page(self, path: str, **query: Any) -> list[dict[str, Any]]:
        return self.get(path, **query).json()["records"]

    def all(self, path: str) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = []
        while page := self.page(path, limit=PAGE, offset=len(records)):
            records += page
        return records

    def details(self, path: str, ids: list[int]) -> list[dict[str, Any]]:
        return [self.get(f"{path}/{one}").json() for one in ids]

    def close(self) -> None:
        self.session.close()
