"""Which language model is asked, and the limits it is asked under; the same for every use."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from egregora_dag.registry import SettingError

# A setting's name in upper case after this is the environment variable that sets it.
PREFIX: Final = "EGREGORA_LLM_"
KEY_VARIABLE: Final = "EGREGORA_LLM_API_KEY"


class LlmSettings(BaseModel):
    """Settings of the language model.

    The key is none of them: it is read from the environment alone.
    """

    # What was given is not told in errors, as an address may hold a password.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    model: str = Field(
        default="", description="`provider:model`, or the model's name alone with a base_url."
    )
    base_url: str = Field(
        default="", description="Address of a server that speaks OpenAI's protocol, ending in /v1."
    )
    concurrency: int = Field(default=4, ge=1, description="Windows that are asked about at a time.")
    requests_per_minute: int = Field(default=0, ge=0, description="Requests a minute; 0: no limit.")
    max_cost_usd: float | None = Field(
        default=None,
        gt=0,
        description="US dollars a run may cost before it stops asking; none: no limit.",
    )
    request_timeout: float = Field(default=120, gt=0, description="Seconds to wait for an answer.")
    retries: int = Field(
        default=4, ge=0, description="How often a request is made again that failed in passing."
    )
    backoff: float = Field(
        default=1.0, ge=0, description="Seconds before the first retry; they double, with jitter."
    )
    output_retries: int = Field(
        default=2,
        ge=0,
        description="How often the model may correct an answer that is not as asked for.",
    )
    max_input_tokens: int = Field(
        default=16_000,
        ge=1_000,
        description="Tokens of chat in a request; longer windows are split.",
    )
    input_price: float | None = Field(
        default=None,
        ge=0,
        description="US dollars for a million tokens read; none: as publicly listed.",
    )
    output_price: float | None = Field(
        default=None,
        ge=0,
        description="US dollars for a million tokens written; none: as publicly listed.",
    )
    prompts: str = Field(
        default="", description="Folder with prompts of your own; `prompts` in the home if empty."
    )

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        """An address that can be stored and shown: http or https, without a password or key."""
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("it should be an http or https address")
        if parts.username or parts.password or parts.query:
            raise ValueError(f"it should hold no password or key; put the key into {KEY_VARIABLE}")
        return value

    @property
    def prompts_folder(self) -> Path | None:
        """The folder with prompts that take the place of the package's."""
        return Path(self.prompts) if self.prompts else None

    @property
    def host(self) -> str:
        """Where texts go, for people to read."""
        return urlsplit(self.base_url).netloc or self.model.partition(":")[0]


def llm_settings(*layers: Mapping[str, Any]) -> LlmSettings:
    """The settings that the environment and these layers give; the later win.

    Args:
        layers: Settings by name.

    Returns:
        The settings.

    Raises:
        SettingError: There is no such setting, or it cannot have this value.
    """
    values: dict[str, Any] = {
        name: os.environ[variable]
        for name in LlmSettings.model_fields
        if os.environ.get(variable := PREFIX + name.upper())
    }
    for layer in layers:
        values |= layer
    try:
        return LlmSettings(**values)
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False)
        name = str(first["loc"][0])
        shown = "…" if name == "base_url" else first["input"]
        wanted = f"another value: {first['msg']}"
        raise SettingError("language model", name, shown, wanted) from None


def api_key() -> str | None:
    """The key for a server at an address of one's own; None where it needs none."""
    return os.environ.get(KEY_VARIABLE) or None
