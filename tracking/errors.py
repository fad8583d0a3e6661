"""What tracking refuses, and the sentence that the caller reads.

NotFound                          404  kernel's own: unknown, or not the caller's to see
Conflict
├── WrongState                    409  the shipment's state does not allow the step
├── ShipmentHeld                  409  a hand-over of it is disputed
├── NotDisputed                   409
├── NotReadyToSign                409
├── ReadingExists                 409  readings never change
├── AlreadySigned                 409
├── AlreadyRegistered             409
├── CertificateExists             409
├── TransportMissing              409  no lorry and vessel were nominated yet
├── ReceiverHasRead               409  too late to reject
├── VehicleBusy                   409  one open waybill a vehicle
├── VesselBusy                    409
└── VesselEmpty                   409  nothing to vent
Refusal
├── WrongParty                    403  another party's step
├── OutOfRange                    422  a figure is outside its limits
├── TextUnfit                     422
├── CodeUnfit                     422  a plate or registration code
├── WindowEnded                   422
├── FacilityKindUnfit             422
├── FacilityElsewhere             422  at another hub than the load's
├── VesselPressureTooLow          422
├── VesselTooSmall                422
├── InspectionDue                 422
├── CalibrationExpired            422
├── ReadingIncomplete             422
├── ReadingNotPositive            422  nothing passed, or it passed the wrong way
├── ResidueUnmeasured             422
├── DigestMismatch                422  another document was signed
├── SettlementImpossible          422  more gas than there is
├── NotLate                       422
├── StandardUnknown               422
├── StandardNotInForce            422
├── SpeciesUnfit                  422
├── FixInFuture                   422
└── FixTooOld                     422
"""

from __future__ import annotations

from kernel.errors import Conflict, Refusal


class WrongState(Conflict):
    """The shipment's state does not allow the step."""

    code = "wrong_state"
    en = "Shipment {shipment_id} is {status}; this step needs it to be {expected}."
    zh = "运单任务 {shipment_id} 的状态为 {status}；此步骤要求状态为 {expected}。"


class ShipmentHeld(Conflict):
    """A hand-over of the shipment is disputed: the operator settles it first."""

    code = "shipment_held"
    en = "Shipment {shipment_id} is held: its hand-over is disputed until the operator settles the reading."
    zh = "运单任务 {shipment_id} 已暂停：交接存在争议，须由市场运营方裁定读数。"


class NotDisputed(Conflict):
    """Only a disputed hand-over can be settled."""

    code = "not_disputed"
    en = "Hand-over {hand_over_id} is not disputed."
    zh = "交接 {hand_over_id} 不存在争议。"


class NotReadyToSign(Conflict):
    """There is no document to sign, or not any more."""

    code = "not_ready_to_sign"
    en = "Hand-over {hand_over_id} is {status}: it can be signed once both readings agree or are settled."
    zh = "交接 {hand_over_id} 的状态为 {status}：双方读数一致或经裁定后方可签字。"


class ReadingExists(Conflict):
    """Each side reads once; readings never change."""

    code = "reading_exists"
    en = "The {side} of hand-over {hand_over_id} has read already, and a reading never changes."
    zh = "交接 {hand_over_id} 的 {side} 方已提交读数，读数不得更改。"


class AlreadySigned(Conflict):
    """Each side signs once."""

    code = "already_signed"
    en = "The {side} of hand-over {hand_over_id} has signed already."
    zh = "交接 {hand_over_id} 的 {side} 方已签字。"


class AlreadyRegistered(Conflict):
    """The plate or registration code is taken."""

    code = "already_registered"
    en = "{kind} {id} is registered already."
    zh = "{kind} {id} 已登记。"


class CertificateExists(Conflict):
    """A shipment has one certificate."""

    code = "certificate_exists"
    en = "Shipment {shipment_id} has its quality certificate already."
    zh = "运单任务 {shipment_id} 已附质量证书。"


class TransportMissing(Conflict):
    """Without lorry and vessel there is nothing to load."""

    code = "transport_missing"
    en = "Shipment {shipment_id} has no vehicle and vessel yet: the carrier nominates them first."
    zh = "运单任务 {shipment_id} 尚无车辆和容器：须先由承运方指派。"


class ReceiverHasRead(Conflict):
    """Whoever metered the gas into its station has taken it."""

    code = "receiver_has_read"
    en = "The receiver of shipment {shipment_id} has read its meter: it can no longer reject the load."
    zh = "运单任务 {shipment_id} 的收货方已提交计量读数，不能再拒收。"


class VehicleBusy(Conflict):
    """A vehicle has one open waybill."""

    code = "vehicle_busy"
    en = "Vehicle {plate} is on shipment {shipment_id}: a vehicle has one open waybill."
    zh = "车辆 {plate} 正在执行运单任务 {shipment_id}：一车同时只能有一张运单。"


class VesselBusy(Conflict):
    """The vessel is on another shipment, or a hand-over of it is under way."""

    code = "vessel_busy"
    en = "Vessel {vessel_id} is taken by shipment {shipment_id}."
    zh = "容器 {vessel_id} 已被运单任务 {shipment_id} 占用。"


class VesselEmpty(Conflict):
    """There is no gas that could be let out."""

    code = "vessel_empty"
    en = "Vessel {vessel_id} is empty by the books: there is nothing to vent."
    zh = "容器 {vessel_id} 账面为空：没有可放空的气体。"


class WrongParty(Refusal):
    """The step is another party's."""

    code, status = "wrong_party", 403
    en = "This step is for the {expected} of shipment {shipment_id}."
    zh = "此步骤应由运单任务 {shipment_id} 的 {expected} 执行。"


class OutOfRange(Refusal):
    """A figure is outside its limits."""

    code = "out_of_range"
    en = "{what} is {value}; accepted is {minimum} to {maximum}."
    zh = "{what} 为 {value}；允许范围为 {minimum} 至 {maximum}。"

    def __init__(self, field: str, value: int, minimum: int, maximum: int) -> None:
        super().__init__(field=field, what=field, value=value, minimum=minimum, maximum=maximum)


class TextUnfit(Refusal):
    """A text is empty, too long, or hardly what was meant."""

    code = "text_unfit"
    en = "Write 1 to {length_max} characters without control characters or blanks at either end."
    zh = "请写 1 至 {length_max} 个字符，不得含控制字符，首尾不得有空格。"


class CodeUnfit(Refusal):
    """A plate or registration code has characters that do not belong there."""

    code = "code_unfit"
    en = "Write 2 to {length_max} capital letters, Chinese characters, digits and hyphens."
    zh = "请写 2 至 {length_max} 个大写字母、汉字、数字或连字符。"


class WindowEnded(Refusal):
    """The delivery window is over."""

    code = "window_ended"
    en = "The window of shipment {shipment_id} ended at {window_end}."
    zh = "运单任务 {shipment_id} 的交付时段已于 {window_end} 结束。"


class FacilityKindUnfit(Refusal):
    """A load is picked up at a plant or storage and dropped at a station or storage."""

    code = "facility_kind_unfit"
    en = "Facility {facility_id} is a {kind}; this side of a shipment needs one of: {accepted}."
    zh = "设施 {facility_id} 的类型为 {kind}；运单任务此方需要：{accepted}。"


class FacilityElsewhere(Refusal):
    """The facility is not at the load's hub."""

    code = "facility_elsewhere"
    en = "Facility {facility_id} is at {hub}; the load's hub is {expected}."
    zh = "设施 {facility_id} 位于 {hub}；该车货的枢纽为 {expected}。"


class VesselPressureTooLow(Refusal):
    """The vessel may not be filled to the pressure of the container class."""

    code = "vessel_pressure_too_low"
    en = "Vessel {vessel_id} takes {max_pressure} MPa; container class {container_class} needs {needed} MPa."
    zh = "容器 {vessel_id} 的最高压力为 {max_pressure} MPa；容器类别 {container_class} 需要 {needed} MPa。"


class VesselTooSmall(Refusal):
    """The confirmed mass does not fit into the vessel at its highest pressure and 15 °C."""

    code = "vessel_too_small"
    en = "Vessel {vessel_id} holds {capacity} kg at its highest pressure and 15 °C; confirmed are {needed} kg."
    zh = "容器 {vessel_id} 在最高压力、15 °C 下可装 {capacity} kg；已确认 {needed} kg。"


class InspectionDue(Refusal):
    """The vessel's inspection ends too early."""

    code = "inspection_due"
    en = "The inspection of vessel {vessel_id} is due at {inspection_due}: before the trip is over."
    zh = "容器 {vessel_id} 的检验有效期至 {inspection_due}，早于行程结束。"


class CalibrationExpired(Refusal):
    """The meter's calibration is over."""

    code = "calibration_expired"
    en = "The calibration of meter {meter_id} ended at {calibrated_until}."
    zh = "计量器具 {meter_id} 的校准已于 {calibrated_until} 到期。"


class ReadingIncomplete(Refusal):
    """The meter's kind needs another figure."""

    code = "reading_incomplete"
    en = "A reading of a {kind} meter needs this figure."
    zh = "{kind} 类计量器具的读数需要此项数值。"


class ReadingNotPositive(Refusal):
    """Nothing passed from giver to taker, or it passed the wrong way."""

    code = "reading_not_positive"
    en = "By this reading {mass} kg passed from giver to taker: check before and after."
    zh = "按此读数，由交付方移交给接收方的质量为 {mass} kg：请检查前后读数。"


class ResidueUnmeasured(Refusal):
    """The giver measures what stays in the vessel."""

    code = "residue_unmeasured"
    en = "The giver also reads the vessel's pressure and temperature afterwards: they measure the residue."
    zh = "交付方还须读取卸气后容器的压力和温度，以计量余气。"


class DigestMismatch(Refusal):
    """What was signed is not this hand-over's document."""

    code = "digest_mismatch"
    en = "The digest is not that of the document of hand-over {hand_over_id}: read it again before signing."
    zh = "摘要与交接 {hand_over_id} 的单据不符：请重新阅读后再签字。"


class SettlementImpossible(Refusal):
    """A settlement cannot make gas: it stays within what was read and what the vessel held."""

    code = "settlement_impossible"
    en = "{mass} kg is more than the {maximum} kg that there can be."
    zh = "{mass} kg 超过了可能存在的 {maximum} kg。"


class NotLate(Refusal):
    """The load came in its window."""

    code = "not_late"
    en = "Shipment {shipment_id} arrived inside its window."
    zh = "运单任务 {shipment_id} 在交付时段内到达。"


class StandardUnknown(Refusal):
    """No limits are known for the standard's edition."""

    code = "standard_unknown"
    en = "There are no limits for {standard}-{edition} here; known are: {known}."
    zh = "没有 {standard}-{edition} 的限值；已有：{known}。"


class StandardNotInForce(Refusal):
    """The sample is older than the standard's edition."""

    code = "standard_not_in_force"
    en = "{standard}-{edition} applies from {valid_from}; the sample was taken before."
    zh = "{standard}-{edition} 自 {valid_from} 起实施；样品取样在此之前。"


class SpeciesUnfit(Refusal):
    """A species is not one of the standard's, or comes twice."""

    code = "species_unfit"
    en = "{species} is not a species of {standard}-{edition}, or was given twice."
    zh = "{species} 不是 {standard}-{edition} 中的项目，或重复给出。"


class FixInFuture(Refusal):
    """A clock on the vehicle is ahead."""

    code = "fix_in_future"
    en = "The fix of {fix_time} lies in the future: the vehicle's clock is ahead."
    zh = "定位时间 {fix_time} 晚于当前时间：车载时钟超前。"


class FixTooOld(Refusal):
    """Older than what a terminal buffers."""

    code = "fix_too_old"
    en = "The fix of {fix_time} is older than {days} days."
    zh = "定位时间 {fix_time} 已超过 {days} 天。"
