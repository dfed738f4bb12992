"""Asking a language model for an answer of a given shape, within limits.

The model is given instructions and data, and no tools. What fails in passing is asked again: after
the time the provider names, else after a time that doubles, with jitter. What is spent is counted
with each answer, failed ones among them.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry, NativeOutput, PromptedOutput, RunContext
from pydantic_ai.exceptions import (
    AgentRunError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
    UserError,
)
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential, wait_random

from egregora_dag.exceptions import EgregoraError
from egregora_dag.llm.models import is_local, model_of
from egregora_dag.llm.settings import LlmSettings
from egregora_dag.writers.protocol import Usage

T = TypeVar("T", bound=BaseModel)
Check = Callable[[T], None]

# Seconds; a provider that wants a longer pause is asked again by the next run.
_LONGEST_PAUSE: Final = 300.0
_LONGEST_BACKOFF: Final = 60.0
_PASSING: Final = (
    ModelRateLimitError,
    ModelUnavailableError,
    ModelServerError,
    ModelConnectionError,
)
# What asking about something else would not change.
_FINAL: Final = (ModelAuthenticationError, ModelNotFoundError, ModelQuotaExceededError)
_MILLION: Final = 1_000_000


class AskingError(EgregoraError):
    """A language model gave no answer that can be used.

    Attributes:
        reason: Type of the failure and status, without any text of the chat.
        usage: What was spent on it.
        final: Whether asking about something else would fail as well.
    """

    def __init__(self, reason: str, usage: Usage, *, final: bool = False) -> None:
        super().__init__(f"The language model gave no answer: {reason}. The next run asks again.")
        self.reason = reason
        self.usage = usage
        self.final = final


class _NothingMoreError(Exception):
    """The run may ask no more; the message says why."""


@dataclass
class _Tally:
    """What the requests of one answer took."""

    usage: Usage = field(default_factory=Usage)


_TALLY: ContextVar[_Tally] = ContextVar("_TALLY")


class LimitedModel(WrapperModel):
    """A model under the settings' limits of time, rate and cost, which tries again what may pass.

    Args:
        wrapped: The model.
        settings: The limits.
    """

    def __init__(self, wrapped: Model, settings: LlmSettings) -> None:
        super().__init__(wrapped)
        self._limits = settings
        self._spent = 0.0
        self._unpriced = False
        self._free_at = 0.0

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """One answer of the model, after as many tries as it takes and the settings allow.

        Raises:
            ModelAPIError: The provider failed, the last try included.
        """
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._limits.retries + 1),
            wait=self._pause,
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )
        return await retrying(self._once, messages, model_settings, model_request_parameters)

    async def _once(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        parameters: ModelRequestParameters,
    ) -> ModelResponse:
        await self._turn()
        self._check_cost()
        tally = _TALLY.get()
        tally.usage += Usage(requests=1)
        try:
            async with asyncio.timeout(self._limits.request_timeout):
                response = await self.wrapped.request(messages, model_settings, parameters)
        except TimeoutError:
            raise ModelTimeoutError(self.model_name, "No answer in time.") from None
        used = self._used(response)
        tally.usage += used
        self._spent += used.cost_usd
        return response

    async def _turn(self) -> None:
        """Wait until the next request may be made; they are spread evenly over a minute."""
        rate = self._limits.requests_per_minute
        now = time.monotonic()
        start = max(now, self._free_at)
        self._free_at = start + (60 / rate if rate else 0)
        await asyncio.sleep(start - now)

    def _pause(self, state: RetryCallState) -> float:
        """Seconds before the next try; one that the provider asks for holds for all."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, ModelAPIError) else None
        if asked is not None:
            self._free_at = max(self._free_at, time.monotonic() + asked)
            return asked
        first = self._limits.backoff
        doubling = wait_exponential(multiplier=first, max=_LONGEST_BACKOFF)
        return doubling(state) + wait_random(0, first)(state)

    def _check_cost(self) -> None:
        limit = self._limits.max_cost_usd
        if limit is None:
            return
        if self._unpriced:
            raise _NothingMoreError(
                f"max_cost_usd is set, but what {self._limits.model} costs is not known; give "
                "input_price and output_price"
            )
        if self._spent >= limit:
            raise _NothingMoreError(f"max_cost_usd of {limit:g} reached; run again for the rest")

    def _used(self, response: ModelResponse) -> Usage:
        """What an answer took."""
        read, written = response.usage.input_tokens, response.usage.output_tokens
        cost = self._cost(response)
        self._unpriced = cost is None
        return Usage(input_tokens=read, output_tokens=written, cost_usd=cost or 0.0)

    def _cost(self, response: ModelResponse) -> float | None:
        """US dollars by the settings' prices, else by the public list; None if that has none."""
        read, written = self._limits.input_price, self._limits.output_price
        if read is not None or written is not None:
            usage = response.usage
            cost = usage.input_tokens * (read or 0) + usage.output_tokens * (written or 0)
            return cost / _MILLION
        if is_local(self._limits):
            return None
        try:
            return float(response.cost().total_price)
        except (LookupError, ValueError):
            return None


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What a model said.

    Attributes:
        output: The answer.
        usage: What it took.
    """

    output: T
    usage: Usage


class Question(Generic[T]):
    """A task for a model: instructions, and the shape of the answer.

    Args:
        asker: Who asks.
        instructions: The prompt.
        output: The shape.
    """

    def __init__(self, asker: "Asker", instructions: str, output: type[T]) -> None:
        model = asker.model
        native = model.profile.get("supports_json_schema_output")
        self._agent: Agent[Check[T], T] = Agent(
            model,
            # Asked for by the response's format rather than by a tool, as there are to be no tools.
            output_type=NativeOutput(output) if native else PromptedOutput(output),
            instructions=instructions,
            retries={"output": asker.settings.output_retries},
            model_settings=asker.model_settings,
        )
        self._agent.output_validator(_checked)

    def ask(self, data: str, check: Check[T] = lambda output: None) -> Answer[T]:
        """The model's answer; may be called from several threads at a time.

        Args:
            data: What the task is done to.
            check: Raises ValueError, with what is wrong, on an answer that cannot be used.

        Returns:
            The answer, and what it took.

        Raises:
            AskingError: There is none.
        """
        tally = _Tally()
        asked = asyncio.run_coroutine_threadsafe(self._asked(data, check, tally), _LOOP)
        try:
            return Answer(asked.result(), tally.usage)
        except _NothingMoreError as error:
            raise AskingError(str(error), tally.usage, final=True) from None
        except UserError as error:
            raise AskingError(f"UserError: {error}", tally.usage, final=True) from None
        except AgentRunError as error:
            # Not chained: what providers answer may hold what was asked.
            final = isinstance(error, _FINAL)
            raise AskingError(_reason(error), tally.usage, final=final) from None

    async def _asked(self, data: str, check: Check[T], tally: _Tally) -> T:
        _TALLY.set(tally)
        return (await self._agent.run(data, deps=check)).output


class Asker:
    """Asks one model under one set of limits, for as many tasks as there are.

    Args:
        settings: The model and the limits.

    Raises:
        SettingError: There is no such model.
        EgregoraError: What it needs is not installed, or its key is not set.
    """

    def __init__(self, settings: LlmSettings) -> None:
        self.settings = settings
        self.model = LimitedModel(model_of(settings), settings)
        wanted = ModelSettings(timeout=settings.request_timeout, max_retries=0)
        ignored = self.model.unsupported_settings | self.model.wrapped.unsupported_settings
        self.model_settings = ModelSettings(
            **{name: value for name, value in wanted.items() if name not in ignored}  # type: ignore[typeddict-item]
        )


def _checked(context: RunContext[Check[T]], output: T) -> T:
    try:
        context.deps(output)
    except ValueError as error:
        raise ModelRetry(str(error)) from None
    return output


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, _PASSING) and (error.retry_after or 0) <= _LONGEST_PAUSE


def _reason(error: AgentRunError) -> str:
    """The type of a failure and its status; no text, as that may hold what was asked."""
    public = [kind.__name__ for kind in type(error).__mro__ if kind is not ModelHTTPError]
    name = next(name for name in public if not name.startswith("_"))
    return f"{name}, HTTP {error.status_code}" if isinstance(error, ModelHTTPError) else name


def _running_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="language-models", daemon=True).start()
    return loop


# All models are asked in one event loop, as their connections belong to it. It is made with the
# module: made at the first question, two threads that ask at once would each make one.
_LOOP: Final = _running_loop()
