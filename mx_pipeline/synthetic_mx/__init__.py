"""
An MX Merchant of our own: seeded, stateful, on a real port. It knows nothing of the pipeline that reads it.
"""

from mx_pipeline.synthetic_mx.behaviour import Answer, Asked, Behaviour, FixedAnswer, Rule
from mx_pipeline.synthetic_mx.handle import SyntheticMx
from mx_pipeline.synthetic_mx.keys import KeyPair
from mx_pipeline.synthetic_mx.people import CANARIES, NAME_CANARY
from mx_pipeline.synthetic_mx.serve import serve

__all__ = [
    "CANARIES",
    "NAME_CANARY",
    "Answer",
    "Asked",
    "Behaviour",
    "FixedAnswer",
    "KeyPair",
    "Rule",
    "SyntheticMx",
    "serve",
]
