"""The parts one running service is made of, and how a route gets hold of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request

from model.problems import Problem
from serve.access.gate import Gate
from serve.database import Database
from serve.district import DistrictCodeTable
from serve.engine import Engine
from serve.observe.metrics import Metrics
from serve.observe.readiness import Readiness
from serve.photos.keeping import PhotoKeeper
from serve.photos.store import PhotoStore
from serve.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Service:
    """Made once at start, shared by all requests."""

    settings: Settings
    engine: Engine
    problems: Mapping[str, Problem]
    code_tables: Mapping[str, DistrictCodeTable]
    gate: Gate
    database: Database
    photo_store: PhotoStore
    photo_keeper: PhotoKeeper
    metrics: Metrics
    readiness: Readiness


def service_of(request: Request) -> Service:
    """The service that answers this request.

    Called by each route rather than injected: resolving dependencies was the largest part of our own work on a request.
    """
    service: Service = request.app.state.service
    return service
