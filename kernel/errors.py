"""The errors that leave a room, as values a person and a program can both read.

    H2MarketError
    ├── InvalidInput        422  a field breaks a rule of its shape
    ├── MalformedRequest    400  what came is no HTTP
    ├── Unauthenticated     401  no key, or one that is not known
    ├── Forbidden           403  a known key without the right
    ├── NotFound            404
    ├── MethodNotAllowed    405
    ├── Conflict            409  the thing's state does not allow it
    │   └── KeyReused       409  an idempotency key came back with another body
    ├── BodyTooLarge        413
    ├── UnsupportedMedia    415
    ├── Refusal             422  the trade's own rules say no (each room adds its own)
    ├── RateLimited         429
    ├── Internal            500
    ├── Unavailable         503  nothing was changed; try again
    └── OutcomeUnknown      503  the store went away during the commit; send it again under the same key

Every class carries a stable ``code``, an HTTP ``status`` and its sentence in English and Chinese; the
sentence is a template over the keyword arguments of the instance.
"""

from __future__ import annotations

from typing import ClassVar, Literal

Language = Literal["en", "zh"]

#: What a sentence calls a kind of thing in Chinese; codes and parameters keep the English word.
NOUNS_ZH = {
    "account": "账户",
    "bank account": "银行账户",
    "bank entry": "银行明细",
    "due": "应付款",
    "facility": "设施",
    "fact": "事实",
    "job": "任务",
    "key": "密钥",
    "log": "日志",
    "meter": "计量器具",
    "obligation": "付款义务",
    "order": "订单",
    "participant": "企业",
    "party": "企业",
    "path": "路径",
    "payment file": "付款文件",
    "product": "产品",
    "recall": "撤销申请",
    "room": "模块",
    "shipment": "运单任务",
    "subscription": "订阅",
    "trade": "成交",
    "transfer": "转账",
    "vehicle": "车辆",
    "vessel": "容器",
    "webhook": "回调",
    "withdrawal": "出金",
}

#: Seconds after which whoever could not be served is told to try again.
RETRY_AFTER_S = 1


class H2MarketError(Exception):
    """Base of every error that a caller may see.

    ``field`` is the path of the input at fault (dotted, as the caller wrote it), ``rule`` the machine-readable
    rule it broke; ``params`` fill the sentence and are published beside it.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    en: ClassVar[str] = "The request failed."
    zh: ClassVar[str] = "请求失败。"

    def __init__(self, *, field: str | None = None, rule: str | None = None, **params: str | int) -> None:
        self.field = field
        self.rule = rule or self.code
        self.params = params
        super().__init__(self.sentence("en"))

    def sentence(self, language: Language) -> str:
        """The sentence the caller reads, in ``language``."""
        if language == "en":
            return self.en.format(**self.params)
        kind = self.params.get("kind")
        nouns = {"kind": NOUNS_ZH[kind]} if isinstance(kind, str) and kind in NOUNS_ZH else {}
        return self.zh.format(**{**self.params, **nouns})


class InvalidInput(H2MarketError):
    """A field breaks a rule of its shape; nothing was changed."""

    code, status = "invalid_input", 422
    en = "{message}"
    zh = "{message_zh}"

    def __init__(self, field: str, rule: str, message: str, message_zh: str | None = None) -> None:
        super().__init__(field=field, rule=rule, message=message, message_zh=message_zh or message)


class MalformedRequest(H2MarketError):
    """What came over the connection cannot be read as a request."""

    code, status = "malformed_request", 400
    en = "The request could not be read: {reason}"
    zh = "请求无法读取：{reason}"


class Unauthenticated(H2MarketError):
    """No API key, or one that is not known or no longer valid."""

    code, status = "unauthenticated", 401
    en = "A valid API key is needed: send it as 'Authorization: Bearer KEY'."
    zh = "需要有效的 API 密钥：请以 'Authorization: Bearer KEY' 发送。"


class Forbidden(H2MarketError):
    """The key is known but does not carry the right."""

    code, status = "forbidden", 403
    en = "This key may not do that: it needs the scope {scope}."
    zh = "此密钥无权执行该操作：需要权限 {scope}。"


class NotFound(H2MarketError):
    """There is no such thing, or it is not the caller's to see."""

    code, status = "not_found", 404
    en = "There is no {kind} {id}."
    zh = "不存在{kind} {id}。"


class MethodNotAllowed(H2MarketError):
    """The path exists, the method does not."""

    code, status = "method_not_allowed", 405
    en = "This path does not take {method}."
    zh = "此路径不支持 {method}。"


class Conflict(H2MarketError):
    """The thing's present state does not allow the request."""

    code, status = "conflict", 409
    en = "{message}"
    zh = "{message}"


class KeyReused(Conflict):
    """An idempotency key came back with another body."""

    code = "idempotency_key_reused"
    en = "The idempotency key {key} was used before with another request."
    zh = "幂等键 {key} 已用于另一请求。"


class BodyTooLarge(H2MarketError):
    """The body is over the limit of its route."""

    code, status = "body_too_large", 413
    en = "The body is over the limit of {limit} bytes."
    zh = "请求体超过 {limit} 字节的上限。"


class UnsupportedMedia(H2MarketError):
    """The body's content type is not one the route reads."""

    code, status = "unsupported_media_type", 415
    en = "This route reads {accepted}."
    zh = "此路径只接受 {accepted}。"


class Refusal(H2MarketError):
    """The trade's own rules say no. Rooms derive from it, one class a rule."""

    code, status = "refused", 422


class RateLimited(H2MarketError):
    """The key has used up its requests for now."""

    code, status = "rate_limited", 429
    en = "More than {limit} requests in {window_s} s: try again in {retry_after_s} s."
    zh = "{window_s} 秒内超过 {limit} 次请求：请在 {retry_after_s} 秒后重试。"


class Internal(H2MarketError):
    """Something broke inside; the id finds the log line."""

    code, status = "internal", 500
    en = "Something broke inside; quote {error_id}."
    zh = "内部错误，请提供编号 {error_id}。"


class Unavailable(H2MarketError):
    """The writer is full or its commit failed; nothing was changed."""

    code, status = "unavailable", 503
    en = "The service could not take this now; nothing was changed. Try again in {retry_after_s} s."
    zh = "服务暂时无法受理，未作任何更改。请在 {retry_after_s} 秒后重试。"


class OutcomeUnknown(H2MarketError):
    """The store went away while it committed, and did not come back in time to say whether it had."""

    code, status = "outcome_unknown", 503
    en = (
        "The store went away during the commit: whether this took effect is not known yet. Send it again under the "
        "same Idempotency-Key in {retry_after_s} s, or look before you send it anew."
    )
    zh = "提交时存储中断，是否生效尚不可知。请在 {retry_after_s} 秒后以同一 Idempotency-Key 重发，或先查询再重新提交。"


def brief(error: BaseException) -> str:
    """An error as /health tells it to anybody who asks: what it is, without the hosts, paths and rows that its text
    may name. The log has the text."""
    if isinstance(error, H2MarketError):
        return f"{type(error).__name__}: {error}"
    status = getattr(error, "status", None) or getattr(getattr(error, "response", None), "status_code", None)
    return f"{type(error).__name__}: status {status}" if status else type(error).__name__
