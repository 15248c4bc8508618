"""The manifests of deploy/kubernetes: as the schemas want them, and as we promise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from mx_pipeline_tests.deploy.page import PROJECT

KUBERNETES = PROJECT / "deploy" / "kubernetes"
BASE, EXAMPLE = KUBERNETES / "base", KUBERNETES / "overlays" / "example"
VERSIONS = ("1.31", "1.37")
"""The oldest and the newest that are looked at."""
KINDS = {"ConfigMap", "Deployment", "Ingress", "Job", "Namespace", "NetworkPolicy", "Service"}
OPERATORS = "webserver-operators"
SECRETS = {"mx-pipeline", "mx-pipeline-migration"}
PINNED = re.compile(r"^[a-z0-9./-]+(:(?!latest$)[\w.-]*\d[\w.-]*|@sha256:[0-9a-f]{64})$")
LITERAL = re.compile(r"(://[^/\s]*:[^/\s]*@|[A-Za-z0-9+/]{43}=)")


def manifests(*kinds: str) -> Iterator[dict[str, Any]]:
    """Every one of them, or those of these kinds."""
    for file in sorted([*BASE.glob("*.yaml"), *EXAMPLE.glob("*.yaml")]):
        for manifest in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if manifest["kind"] != "Kustomization" and (not kinds or manifest["kind"] in kinds):
                yield manifest


def whole(*kinds: str) -> list[dict[str, Any]]:
    """Of the base: what the example has of these kinds are patches."""
    return [one for one in manifests(*kinds) if "template" in one["spec"]]


def containers() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each with what it belongs to."""
    return [
        (one, container)
        for one in whole("Deployment", "Job")
        for container in one["spec"]["template"]["spec"]["containers"]
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_as_the_schema_of_kubernetes_wants_it(version: str) -> None:
    looked_at = [one for one in manifests() if one["kind"] != "Deployment"] + whole("Deployment")

    for manifest in looked_at:
        kubernetes_validate.validate(manifest, version, strict=True)

    assert {one["kind"] for one in looked_at} == KINDS


def test_a_field_that_kubernetes_does_not_know_would_be_found() -> None:
    (job,) = whole("Job")
    job["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}

    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        kubernetes_validate.validate(job, VERSIONS[-1], strict=True)


def test_every_file_is_named_and_every_patch_has_something_to_patch() -> None:
    base, example = (
        yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
        for folder in (BASE, EXAMPLE)
    )
    patches = [
        yaml.safe_load((EXAMPLE / patch["path"]).read_text(encoding="utf-8")) for patch in example["patches"]
    ]
    known = {
        (one["kind"], one["metadata"]["name"])
        for file in base["resources"]
        for one in yaml.safe_load_all((BASE / file).read_text(encoding="utf-8"))
    }

    assert {*base["resources"], "kustomization.yaml"} == {file.name for file in BASE.iterdir()}
    assert {
        *example["resources"],
        *(patch["path"] for patch in example["patches"]),
        "kustomization.yaml",
    } == {file.name for file in EXAMPLE.iterdir()} | {"../../base"}
    assert {(one["kind"], one["metadata"]["name"]) for one in patches} <= known
    assert {image["name"] for image in example["images"]} == {
        container["image"].split(":")[0] for _, container in containers()
    }


def test_no_secret_stands_in_a_manifest() -> None:
    for file in KUBERNETES.rglob("*.yaml"):
        assert LITERAL.search(file.read_text(encoding="utf-8")) is None, file.name
    assert list(manifests("Secret")) == []
    for manifest, container in containers():
        for variable in container["env"]:
            assert "value" not in variable, f"{manifest['metadata']['name']}: {variable['name']}"
            if "secretKeyRef" in variable["valueFrom"]:
                assert variable["valueFrom"]["secretKeyRef"]["name"] in SECRETS


def test_who_tells_and_who_shows_have_their_secrets_by_reference_and_start_without() -> None:
    optional = {
        (container["name"], variable["name"])
        for _, container in containers()
        for variable in container["env"]
        if variable["valueFrom"].get("secretKeyRef", {}).get("optional")
    }

    assert optional == {
        *(
            (name, alert)
            for name in ("warm-worker", "code-server")
            for alert in ("MX_ALERT_URL", "MX_ALERT_SECRET")
        ),
        ("api", "MX_METRICS_TOKEN"),
        ("api", "MX_OIDC_CLIENT_SECRET"),
    }


def test_only_the_migration_has_the_migrating_login() -> None:
    has_it = {
        manifest["metadata"]["name"] for manifest, container in containers() if "-migration" in str(container)
    }

    assert has_it == {"migrate"}


def test_the_webserver_for_looking_only_looks_and_knows_no_other_secret() -> None:
    looking, operators = (
        container for _, container in containers() if container["name"] in ("webserver", OPERATORS)
    )

    assert "--read-only" in looking["args"]
    assert "--read-only" not in operators["args"]
    assert [variable["name"] for variable in looking["env"]] == ["DAGSTER_PG_URL"]


@pytest.mark.parametrize(
    ("manifest", "container"),
    [pytest.param(one, container, id=container["name"]) for one, container in containers()],
)
def test_every_container_has_limits_and_probes_and_no_more_rights_than_it_needs(
    manifest: dict[str, Any], container: dict[str, Any]
) -> None:
    pod = manifest["spec"]["template"]["spec"]

    assert (
        set(container["resources"]["limits"]) == set(container["resources"]["requests"]) == {"cpu", "memory"}
    )
    if manifest["kind"] == "Deployment":
        assert {"livenessProbe", "readinessProbe"} <= set(container)
    else:
        assert manifest["spec"]["activeDeadlineSeconds"] > 0
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert all("emptyDir" in volume for volume in pod["volumes"])
    assert PINNED.match(container["image"])
    assert "command" not in container, "the image's own entry forbids core dumps"


def test_the_image_forbids_core_dumps_runs_as_nobody_in_particular_and_pins_what_it_is_made_from() -> None:
    lines = (PROJECT / "deploy" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    said = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in lines if " " in line}

    assert "ulimit -c 0 && exec" in said["ENTRYPOINT"]
    assert said["USER"] == "10001:10001"
    assert all(re.search(r":\d+\.\d+\.\d+-slim", line) for line in lines if line.startswith("FROM"))
    assert any("--constraint constraints.txt" in line for line in lines)


def test_whatever_can_log_json_does() -> None:
    started = {container["name"]: container["args"] for _, container in containers()}
    dagster = {name for name, args in started.items() if args[0].startswith("dagster")}
    (settings,) = (one for one in manifests("ConfigMap") if "MX_LOG_FORMAT" in one["data"])

    assert dagster == {"webserver", OPERATORS, "daemon", "code-server"}
    for name in dagster:
        assert started[name][started[name].index("--log-format") + 1] == "json", name
    assert settings["data"]["MX_LOG_FORMAT"] == "json"


def test_nobody_outside_reaches_a_webserver() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in manifests("NetworkPolicy")}
    ingresses = list(manifests("Ingress"))
    reached = {
        path["backend"]["service"]["name"]
        for one in ingresses
        for rule in one["spec"]["rules"]
        for path in rule["http"]["paths"]
    }

    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert reached == {"api"}
    assert {one["spec"]["type"] for one in manifests("Service")} == {"ClusterIP"}
    assert OPERATORS not in {one["metadata"]["name"] for one in manifests("Service")}
    coming_in = {name: one for name, one in policies.items() if "ingress" in one}
    assert {
        name: one["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for name, one in coming_in.items()
    } == {
        "definitions": "code-server",
        "looks-at-dagster": "webserver",
        "api-from-outside": "api",
    }
    ((who,),) = (rule["from"] for rule in coming_in["looks-at-dagster"]["ingress"])
    assert set(who) == {"podSelector"}, "of this namespace"


def test_every_part_may_go_out_where_it_has_to() -> None:
    allowed: dict[str, set[int]] = {}
    for policy in manifests("NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            selector = policy["spec"]["podSelector"]
            for part in selector["matchExpressions"][0]["values"]:
                allowed.setdefault(part, set()).update(port["port"] for port in rule["ports"])

    assert allowed == {
        "api": {53, 443, 5432},
        "webserver": {53, 4000, 5432},
        "webserver-operators": {53, 4000, 5432, 6379},
        "code-server": {53, 443, 5432, 6379},
        "daemon": {53, 4000, 5432, 6379},
        "worker": {53, 443, 5432, 6379},
        "warm-worker": {53, 443, 5432, 6379},
        "migrate": {53, 5432},
    }
    assert set(allowed) == {one["metadata"]["name"] for one in whole("Deployment", "Job")}
