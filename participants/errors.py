"""What the register refuses.

    Conflict
    ├── UsccRegistered          409  the credit code is in the register already
    ├── NotAwaitingApproval     409  only a registered company can be approved
    ├── NotApproved             409  only an approved company can be suspended
    ├── NotSuspended            409  only a suspended company can be reinstated
    ├── CompanyIsSuspended      409  a suspended company changes nothing in the register
    ├── SecretInUse             409  another key has this secret
    ├── KeyAlreadyRevoked       409
    ├── KeyInUse                409  a key does not revoke itself
    ├── WebhookNotActive        409  only an active webhook can be disabled
    ├── WebhookChangedSince     409  the webhook that failed was changed meanwhile
    └── WebhookBusy             409  a ping to it is under way
    Refusal
    ├── RolesExclude            422  operator and auditor stand alone
    ├── FacilityNeedsRole       422  the company has no role for this kind of facility
    ├── ScopeNotAllowed         422  the company's roles do not carry the scope
    ├── ServiceKeyByCommandLine 422  service keys come from the command line alone
    ├── FacilitiesFull          422
    ├── KeysFull                422
    ├── WebhooksFull            422
    ├── WebhookNeedsHttps       422  the address is not encrypted
    ├── WebhookAddressRefused   422  the address is inside a network that nothing is sent to
    └── EventTypeUnknown        422  no notice has this type

A field that breaks a rule of its shape is a `kernel.errors.InvalidInput`; an id that names nothing is a `NotFound`.
"""

from __future__ import annotations

from kernel.errors import Conflict, Refusal


class UsccRegistered(Conflict):
    """A credit code registers once, whatever became of the company."""

    code = "uscc_registered"
    en = "The unified social credit code {uscc} is registered already."
    zh = "统一社会信用代码 {uscc} 已登记。"


class NotAwaitingApproval(Conflict):
    """Only a company in the state registered can be approved."""

    code = "not_awaiting_approval"
    en = "{participant_id} is {state}: only a registered company can be approved."
    zh = "{participant_id} 的状态为 {state}：只有已登记待批准的企业可以批准。"


class NotApproved(Conflict):
    """Only a company in the state approved can be suspended."""

    code = "not_approved"
    en = "{participant_id} is {state}: only an approved company can be suspended."
    zh = "{participant_id} 的状态为 {state}：只有已批准的企业可以暂停。"


class NotSuspended(Conflict):
    """Only a company in the state suspended can be reinstated."""

    code = "not_suspended"
    en = "{participant_id} is {state}: only a suspended company can be reinstated."
    zh = "{participant_id} 的状态为 {state}：只有已暂停的企业可以恢复。"


class CompanyIsSuspended(Conflict):
    """Facilities and keys wait until the company is reinstated; revoking a key is always possible."""

    code = "company_suspended"
    en = "{participant_id} is suspended: reinstate it first."
    zh = "{participant_id} 已暂停：请先恢复。"


class SecretInUse(Conflict):
    """Two keys with one secret could not be told apart."""

    code = "secret_in_use"
    en = "Another key has this secret: make a new one."
    zh = "已有密钥使用该内容：请重新生成。"


class KeyAlreadyRevoked(Conflict):
    """A key is revoked once and for ever."""

    code = "key_already_revoked"
    en = "The key {key_id} was revoked before."
    zh = "密钥 {key_id} 此前已吊销。"


class KeyInUse(Conflict):
    """A key does not revoke itself: whoever does so with the last one has locked the company out."""

    code = "key_in_use"
    en = "{key_id} is the key of this very request: revoke it with another key of the company."
    zh = "{key_id} 正是本次请求所用的密钥：请用本企业的另一密钥吊销。"


class RolesExclude(Refusal):
    """Who runs or audits the market does not trade in it."""

    code = "roles_exclude"
    en = "The role {role} stands alone: it excludes every other role."
    zh = "角色 {role} 须单独登记，不得兼任其他角色。"


class FacilityNeedsRole(Refusal):
    """A facility belongs to the role that works there."""

    code = "facility_needs_role"
    en = "A {kind} belongs to a company with the role {role}, which {participant_id} does not have."
    zh = "{kind} 类设施要求企业具有角色 {role}，而 {participant_id} 没有。"


class ScopeNotAllowed(Refusal):
    """A key carries what its company's roles allow."""

    code = "scope_not_allowed"
    en = "Keys of {participant_id} may not carry the scope {scope}; allowed are: {allowed}."
    zh = "{participant_id} 的密钥不得具有权限 {scope}；允许的权限为：{allowed}。"


class ServiceKeyByCommandLine(Refusal):
    """A service key reads every log: only who can reach the machine itself may make one, for the operator."""

    code = "service_key_by_command_line"
    en = "Keys with the scope service are issued to the operator by the command line only."
    zh = "具有 service 权限的密钥只能由命令行签发给运营方。"


class FacilitiesFull(Refusal):
    """The register bounds what one company can make it hold."""

    code = "facilities_full"
    en = "{participant_id} has {limit} facilities, the most a company may have."
    zh = "{participant_id} 已有 {limit} 处设施，达到上限。"


class KeysFull(Refusal):
    """The register bounds the keys in use, so that they can be reviewed."""

    code = "keys_full"
    en = "{participant_id} has {limit} keys in use, the most a company may have: revoke one first."
    zh = "{participant_id} 已有 {limit} 个有效密钥，达到上限：请先吊销一个。"


class WebhookNotActive(Conflict):
    """What does not send cannot fail."""

    code = "webhook_not_active"
    en = "{webhook_id} is {state}: only an active webhook can be disabled."
    zh = "{webhook_id} 的状态为 {state}：只有启用中的回调可以停用。"


class WebhookChangedSince(Conflict):
    """What failed is not what it is now."""

    code = "webhook_changed"
    en = "{webhook_id} was changed since it failed."
    zh = "{webhook_id} 失败之后已被更改。"


class WebhookBusy(Conflict):
    """One ping at a time."""

    code = "webhook_busy"
    en = "A ping to {webhook_id} is under way: wait for its answer."
    zh = "正在向 {webhook_id} 发送测试消息：请等待其结果。"


class WebhooksFull(Refusal):
    """The register bounds what one company can make the platform send."""

    code = "webhooks_full"
    en = "{participant_id} has {limit} webhooks, the most a company may have: delete one first."
    zh = "{participant_id} 已有 {limit} 个回调，达到上限：请先删除一个。"


class WebhookNeedsHttps(Refusal):
    """What a participant trades is nobody else's to read on the way."""

    code = "webhook_needs_https"
    en = "Notices are sent to addresses with https only."
    zh = "通知只发送到 https 地址。"


class WebhookAddressRefused(Refusal):
    """The platform stands inside a network that participants have no business in."""

    code = "webhook_address_refused"
    en = "Nothing is sent to {host}: it is not an address of the public internet."
    zh = "不向 {host} 发送：该地址不属于公共互联网。"


class EventTypeUnknown(Refusal):
    """A type that is misspelt would wait in silence for ever."""

    code = "event_type_unknown"
    en = "There are no notices of the type {type}: see GET /v1/webhook-event-types."
    zh = "不存在类型为 {type} 的通知：见 GET /v1/webhook-event-types。"
