"""What an operator may vary. Read from the environment, XUNTU_<NAME>, by whoever starts the service."""

import os
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PlainValidator, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from model.card import Precision
from model.codes import DEFAULT_STANDARD
from model.problems import Language
from serve.district import Replacements, read_replacements
from serve.observe.logs import LogFormat

_SECRET_CHARACTERS = 32


def _cores() -> int:
    """Cores this process may use: fewer than the machine has where an administrator pinned it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class KeepPhotos(StrEnum):
    """Of which cases the photos are kept."""

    NEVER = "never"
    REVIEW_ONLY = "review_only"  # where a person should look
    ALWAYS = "always"


class Settings(BaseSettings):
    """One service. Every field is described in docs/settings.md."""

    model_config = SettingsConfigDict(env_prefix="XUNTU_", frozen=True)

    host: str = "127.0.0.1"
    """Address to listen on; any but a loopback address needs keys."""
    port: int = Field(default=8000, ge=0, le=65535)
    """TCP port; 0 takes a free one."""
    require_keys: bool = False
    """Demand keys on a loopback address too: for a reverse proxy on the same machine."""

    model_folder: Path | None = None
    """Folder of a released model; by default the one that model/released/current names."""
    precision: Precision | None = None
    """Network that scores, fp32 or int8; by default the one the model's card names, and fp32 without VNNI."""
    data_folder: Path = Path("data")
    """Holds the database and the kept photos unless their settings say otherwise; made when missing."""
    database_url: str | None = None
    """sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME; by default a SQLite file in the data folder."""

    photo_store_url: str | None = None
    """file:///FOLDER or s3://BUCKET/PREFIX; by default a folder in the data folder."""
    least_free_bytes: int = Field(default=200_000_000, ge=0)
    """Where the disk of the data folder has less room, the service is not ready."""
    keep_photos: KeepPhotos = KeepPhotos.REVIEW_ONLY
    """Of which cases photos are kept: never, review_only or always."""
    keep_originals: bool = False
    """Keep the file as it was sent, with its place and time, beside the copy."""
    kept_photo_side: int = Field(default=1600, ge=256, le=8000)
    """Longest side of a kept copy, in pixels."""
    loose_file_seconds: int = Field(default=600, ge=60)
    """A stored file that no case names is removed after this time; a case must be saved within half of it."""
    retention_days: int = Field(default=180, ge=0)
    """Cases are purged this long after they were sent, whatever their status; 0 keeps them."""
    photo_retention_days: int = Field(default=30, ge=0)
    """Kept photos of cases closed or dismissed are removed this long after the case last changed; 0 keeps them."""
    requests_per_minute: int = Field(default=600, ge=0)
    """Requests of one key in a minute where the key has no number of its own, per worker; 0 sets no limit."""
    session_hours: float = Field(default=12, gt=0)
    """A person who signed in with a browser has to do so again after this time."""
    session_secret: SecretStr | None = None
    """Signs the cookies of browser sessions; by default a file in the data folder, made at the first start."""
    duplicate_days: float = Field(default=7, gt=0)
    """How far back earlier cases are looked for that seem to report the same thing."""
    duplicate_meters: float = Field(default=100, gt=0)
    """How far apart photos that look alike may have been taken to count as one thing."""

    webhook_allow_private: bool = False
    """Send events to private and loopback addresses too, and over http: for receivers in the same network."""
    webhook_timeout_seconds: float = Field(default=15, gt=0, le=60)
    """A receiver must have answered after this time, else the message is sent again later."""
    webhook_delays_seconds: tuple[float, ...] = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
    """How long after each failed attempt a message is sent again; after one attempt more it is given up."""
    webhook_message_days: int = Field(default=30, ge=0)
    """Messages are removed this long after they were delivered or given up; 0 keeps them."""

    standard: str = DEFAULT_STANDARD
    """Code table used where a request names none."""
    region: str | None = Field(default=None, pattern="^[0-9]{6}$")
    """行政区划 of the district, 6 digits; stands before codes of 5 digits."""
    codes: Annotated[Replacements, NoDecode, PlainValidator(read_replacements)] = Field(
        default_factory=dict, validate_default=False
    )
    """Codes that the district uses instead of the national ones: JSON, by standard and problem."""
    language: Language = "zh"
    """Language of names and errors where a request names none: zh or en."""

    workers: int = Field(default=1, ge=1)
    """Processes, each with threads, queue and model of its own; more than one pays from about eight cores on."""
    threads: int = Field(default_factory=lambda given: max(1, _cores() // given["workers"]), ge=1)
    """Photos decoded and classified at the same moment by one worker; as many as cores in all is fastest."""
    max_photos: int = Field(default=9, ge=1)
    """Photos in one request."""
    max_photo_bytes: int = Field(default=15_000_000, ge=1)
    """Bytes of one photo file."""
    queue_photos: int = Field(default=64, ge=1)
    """Photos of all requests that wait or are worked on; further requests are told to come back."""
    queue_bytes: int = Field(default=256_000_000, ge=1)
    """Bytes of all photos held in memory, those still arriving included; further requests are told to come back."""
    upload_seconds: float = Field(default=300, gt=0)
    """A request must have arrived in full after this time."""
    answer_cache_photos: int = Field(default=1000, ge=0)
    """Photos whose answers are remembered, for when the same file is sent again; about 1 kB each, 0 remembers none."""
    deadline_seconds: float = Field(default=30, gt=0)
    """A request that has arrived must be answered within this time, else its waiting photos are dropped."""
    log_format: LogFormat = LogFormat.AUTO
    """text for people, json for machines; auto is text on a terminal and json elsewhere."""

    @model_validator(mode="after")
    def _queue_takes_a_full_request(self) -> Self:
        if self.queue_photos < self.max_photos:
            raise ValueError(
                f"XUNTU_QUEUE_PHOTOS is {self.queue_photos}, it must be at least XUNTU_MAX_PHOTOS, {self.max_photos}"
            )
        full_request = self.max_photos * self.max_photo_bytes
        if self.queue_bytes < full_request:
            raise ValueError(
                f"XUNTU_QUEUE_BYTES is {self.queue_bytes}, it must be at least "
                f"XUNTU_MAX_PHOTOS x XUNTU_MAX_PHOTO_BYTES, {full_request}"
            )
        return self

    @model_validator(mode="after")
    def _secret_cannot_be_guessed(self) -> Self:
        if self.session_secret and len(self.session_secret) < _SECRET_CHARACTERS:
            raise ValueError(
                f"XUNTU_SESSION_SECRET has {len(self.session_secret)} characters, it must have at least "
                f"{_SECRET_CHARACTERS} that nobody can guess (openssl rand -hex 32 makes them)"
            )
        return self

    @property
    def keys_required(self) -> bool:
        """Whether /v1 asks for a key: always when others than this machine can reach it."""
        return self.require_keys or not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
