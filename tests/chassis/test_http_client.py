"""Files of another service: where they are looked for, and what is told where they are not."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import cast

import pytest
import yaml

from services.chassis.http_client import ServiceFiles
from services.chassis.nats import Broker
from services.chassis.service import Platform
from services.vocabulary.errors import NotFound, Unavailable
from tests.chassis.doors import small_platform

K8S = Path(__file__).parents[2] / "deploy/k8s/base"


class Measurement(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = {
            "/file": (200, b"what it says"),
            "/foreign": (404, json.dumps({"code": "agreement-not-found"}).encode()),
            "/broken": (500, b"{}"),
        }.get(self.path, (404, json.dumps({"code": "no-such-path"}).encode()))
        self.send_response(status if self.headers["Authorization"] else 401)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing between the tests."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Measurement)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def agreements(folder: Path, **settings: object) -> Platform:
    """As far as it asks others over HTTP."""
    small = small_platform(folder, **settings)
    return Platform(
        settings=small.settings, clock=small.clock, broker=cast(Broker, None), identity=small.identity, telemetry=small.telemetry
    )


def fetched(platform: Platform, path: str = "/file") -> bytes:
    return asyncio.run(ServiceFiles(platform, "measurement", calling="agreements").get(path))


def test_a_service_on_a_port_of_its_own_is_found_by_its_url(tmp_path: Path, url: str) -> None:
    assert fetched(agreements(tmp_path, http_port=1, measurement_url=f"{url}/")) == b"what it says"


def test_without_a_url_it_is_where_its_grpc_is_on_the_port_that_all_have(tmp_path: Path, url: str) -> None:
    port = int(url.rpartition(":")[2])
    assert fetched(agreements(tmp_path, host="127.0.0.9", http_port=port, measurement_address="127.0.0.1:8090")) == b"what it says"
    assert agreements(tmp_path, http_port=port, host="::").origin("measurement") == f"http://[::1]:{port}"


def test_what_is_not_there_is_told_apart_from_a_service_that_is_not_there(tmp_path: Path, url: str) -> None:
    platform = agreements(tmp_path, measurement_url=url)
    with pytest.raises(NotFound):
        fetched(platform, "/foreign")
    with pytest.raises(Unavailable, match="UPHELD_MEASUREMENT_URL says where"):
        fetched(platform, "/of-nobody")
    with pytest.raises(Unavailable, match="answered 500"):
        fetched(platform, "/broken")
    with pytest.raises(Unavailable, match="cannot be reached now"):
        fetched(agreements(tmp_path, measurement_url="http://127.0.0.1:1"))


def test_in_the_cluster_it_is_asked_on_the_port_of_its_own_service(tmp_path: Path) -> None:
    (shared,) = [each for each in yaml.safe_load_all((K8S / "shared.yaml").read_text()) if each["kind"] == "ConfigMap"]
    told = {name.removeprefix("UPHELD_").lower(): value for name, value in shared["data"].items()}
    set_up = {name: told[name] for name in ("http_port", "measurement_address", "measurement_url") if name in told}
    service = yaml.safe_load((K8S / "service/service.yaml").read_text())
    ports = {port["name"]: port["port"] for port in service["spec"]["ports"]}
    assert agreements(tmp_path, **set_up).origin("measurement") == f"http://upheld-measurement:{ports['http']}"
