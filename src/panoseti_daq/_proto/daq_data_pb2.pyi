from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Product(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNKNOWN_PRODUCT: _ClassVar[Product]
    IMG8: _ClassVar[Product]
    IMG16: _ClassVar[Product]
    PH256: _ClassVar[Product]
    PH1024: _ClassVar[Product]

class TimeStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WHITE_RABBIT: _ClassVar[TimeStatus]
    HOST_CLOCK: _ClassVar[TimeStatus]
    NO_TIME: _ClassVar[TimeStatus]

class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STRUCT: _ClassVar[Encoding]
    RAW: _ClassVar[Encoding]
UNKNOWN_PRODUCT: Product
IMG8: Product
IMG16: Product
PH256: Product
PH1024: Product
WHITE_RABBIT: TimeStatus
HOST_CLOCK: TimeStatus
NO_TIME: TimeStatus
STRUCT: Encoding
RAW: Encoding

class PanoImage(_message.Message):
    __slots__ = ("type", "header", "image_array", "shape", "bytes_per_pixel", "file", "frame_number", "module_id", "pixels", "packed_header", "time_status", "quality", "header_json", "product")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNDEFINED: _ClassVar[PanoImage.Type]
        PULSE_HEIGHT: _ClassVar[PanoImage.Type]
        MOVIE: _ClassVar[PanoImage.Type]
    UNDEFINED: PanoImage.Type
    PULSE_HEIGHT: PanoImage.Type
    MOVIE: PanoImage.Type
    class Quality(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        GOOD: _ClassVar[PanoImage.Quality]
        MISSING_QUABO_0: _ClassVar[PanoImage.Quality]
        MISSING_QUABO_1: _ClassVar[PanoImage.Quality]
        MISSING_QUABO_2: _ClassVar[PanoImage.Quality]
        MISSING_QUABO_3: _ClassVar[PanoImage.Quality]
        ZERO_QUADRANT_0: _ClassVar[PanoImage.Quality]
        ZERO_QUADRANT_1: _ClassVar[PanoImage.Quality]
        ZERO_QUADRANT_2: _ClassVar[PanoImage.Quality]
        ZERO_QUADRANT_3: _ClassVar[PanoImage.Quality]
        ZERO_IMAGE: _ClassVar[PanoImage.Quality]
        PACKET_GAP: _ClassVar[PanoImage.Quality]
        TIME_BACKWARDS: _ClassVar[PanoImage.Quality]
        HOST_CLOCK: _ClassVar[PanoImage.Quality]
        NO_TIME: _ClassVar[PanoImage.Quality]
    GOOD: PanoImage.Quality
    MISSING_QUABO_0: PanoImage.Quality
    MISSING_QUABO_1: PanoImage.Quality
    MISSING_QUABO_2: PanoImage.Quality
    MISSING_QUABO_3: PanoImage.Quality
    ZERO_QUADRANT_0: PanoImage.Quality
    ZERO_QUADRANT_1: PanoImage.Quality
    ZERO_QUADRANT_2: PanoImage.Quality
    ZERO_QUADRANT_3: PanoImage.Quality
    ZERO_IMAGE: PanoImage.Quality
    PACKET_GAP: PanoImage.Quality
    TIME_BACKWARDS: PanoImage.Quality
    HOST_CLOCK: PanoImage.Quality
    NO_TIME: PanoImage.Quality
    TYPE_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ARRAY_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_PIXEL_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    MODULE_ID_FIELD_NUMBER: _ClassVar[int]
    PIXELS_FIELD_NUMBER: _ClassVar[int]
    PACKED_HEADER_FIELD_NUMBER: _ClassVar[int]
    TIME_STATUS_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    HEADER_JSON_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    type: PanoImage.Type
    header: _struct_pb2.Struct
    image_array: _containers.RepeatedScalarFieldContainer[int]
    shape: _containers.RepeatedScalarFieldContainer[int]
    bytes_per_pixel: int
    file: str
    frame_number: int
    module_id: int
    pixels: bytes
    packed_header: bytes
    time_status: TimeStatus
    quality: int
    header_json: str
    product: Product
    def __init__(self, type: _Optional[_Union[PanoImage.Type, str]] = ..., header: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., image_array: _Optional[_Iterable[int]] = ..., shape: _Optional[_Iterable[int]] = ..., bytes_per_pixel: _Optional[int] = ..., file: _Optional[str] = ..., frame_number: _Optional[int] = ..., module_id: _Optional[int] = ..., pixels: _Optional[bytes] = ..., packed_header: _Optional[bytes] = ..., time_status: _Optional[_Union[TimeStatus, str]] = ..., quality: _Optional[int] = ..., header_json: _Optional[str] = ..., product: _Optional[_Union[Product, str]] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("sequence", "dropped", "detected_unix_ns", "queued_us")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    DETECTED_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    QUEUED_US_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    dropped: int
    detected_unix_ns: int
    queued_us: int
    def __init__(self, sequence: _Optional[int] = ..., dropped: _Optional[int] = ..., detected_unix_ns: _Optional[int] = ..., queued_us: _Optional[int] = ...) -> None: ...

class StreamImagesResponse(_message.Message):
    __slots__ = ("name", "timestamp", "message", "pano_image", "delivery", "batch")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PANO_IMAGE_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    name: str
    timestamp: _timestamp_pb2.Timestamp
    message: str
    pano_image: PanoImage
    delivery: Delivery
    batch: _containers.RepeatedCompositeFieldContainer[StreamImagesResponse]
    def __init__(self, name: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., message: _Optional[str] = ..., pano_image: _Optional[_Union[PanoImage, _Mapping]] = ..., delivery: _Optional[_Union[Delivery, _Mapping]] = ..., batch: _Optional[_Iterable[_Union[StreamImagesResponse, _Mapping]]] = ...) -> None: ...

class StreamImagesRequest(_message.Message):
    __slots__ = ("stream_movie_data", "stream_pulse_height_data", "update_interval_seconds", "module_ids", "encoding", "batches", "products", "quabos")
    STREAM_MOVIE_DATA_FIELD_NUMBER: _ClassVar[int]
    STREAM_PULSE_HEIGHT_DATA_FIELD_NUMBER: _ClassVar[int]
    UPDATE_INTERVAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MODULE_IDS_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    QUABOS_FIELD_NUMBER: _ClassVar[int]
    stream_movie_data: bool
    stream_pulse_height_data: bool
    update_interval_seconds: float
    module_ids: _containers.RepeatedScalarFieldContainer[int]
    encoding: Encoding
    batches: bool
    products: _containers.RepeatedScalarFieldContainer[Product]
    quabos: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, stream_movie_data: bool = ..., stream_pulse_height_data: bool = ..., update_interval_seconds: _Optional[float] = ..., module_ids: _Optional[_Iterable[int]] = ..., encoding: _Optional[_Union[Encoding, str]] = ..., batches: bool = ..., products: _Optional[_Iterable[_Union[Product, str]]] = ..., quabos: _Optional[_Iterable[int]] = ...) -> None: ...

class InitHpIoRequest(_message.Message):
    __slots__ = ("data_dir", "update_interval_seconds", "force", "simulate_daq", "module_ids")
    DATA_DIR_FIELD_NUMBER: _ClassVar[int]
    UPDATE_INTERVAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    SIMULATE_DAQ_FIELD_NUMBER: _ClassVar[int]
    MODULE_IDS_FIELD_NUMBER: _ClassVar[int]
    data_dir: str
    update_interval_seconds: float
    force: bool
    simulate_daq: bool
    module_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, data_dir: _Optional[str] = ..., update_interval_seconds: _Optional[float] = ..., force: bool = ..., simulate_daq: bool = ..., module_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class InitHpIoResponse(_message.Message):
    __slots__ = ("success", "error_message")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    success: bool
    error_message: str
    def __init__(self, success: bool = ..., error_message: _Optional[str] = ...) -> None: ...

class UploadImageRequest(_message.Message):
    __slots__ = ("pano_image",)
    PANO_IMAGE_FIELD_NUMBER: _ClassVar[int]
    pano_image: PanoImage
    def __init__(self, pano_image: _Optional[_Union[PanoImage, _Mapping]] = ...) -> None: ...

class Position(_message.Message):
    __slots__ = ("module_id", "product", "run", "file", "frame_number")
    MODULE_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    module_id: int
    product: str
    run: str
    file: str
    frame_number: int
    def __init__(self, module_id: _Optional[int] = ..., product: _Optional[str] = ..., run: _Optional[str] = ..., file: _Optional[str] = ..., frame_number: _Optional[int] = ...) -> None: ...

class StreamFramesRequest(_message.Message):
    __slots__ = ("movie", "pulse_height", "module_ids", "begin", "since_unix_ns", "resume", "products", "quabos", "frames_before", "max_frames")
    class Begin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NOW: _ClassVar[StreamFramesRequest.Begin]
        RUN: _ClassVar[StreamFramesRequest.Begin]
        TIME: _ClassVar[StreamFramesRequest.Begin]
        TIME_OF_ANY_RUN: _ClassVar[StreamFramesRequest.Begin]
    NOW: StreamFramesRequest.Begin
    RUN: StreamFramesRequest.Begin
    TIME: StreamFramesRequest.Begin
    TIME_OF_ANY_RUN: StreamFramesRequest.Begin
    MOVIE_FIELD_NUMBER: _ClassVar[int]
    PULSE_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    MODULE_IDS_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    SINCE_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    QUABOS_FIELD_NUMBER: _ClassVar[int]
    FRAMES_BEFORE_FIELD_NUMBER: _ClassVar[int]
    MAX_FRAMES_FIELD_NUMBER: _ClassVar[int]
    movie: bool
    pulse_height: bool
    module_ids: _containers.RepeatedScalarFieldContainer[int]
    begin: StreamFramesRequest.Begin
    since_unix_ns: int
    resume: _containers.RepeatedCompositeFieldContainer[Position]
    products: _containers.RepeatedScalarFieldContainer[Product]
    quabos: _containers.RepeatedScalarFieldContainer[int]
    frames_before: int
    max_frames: int
    def __init__(self, movie: bool = ..., pulse_height: bool = ..., module_ids: _Optional[_Iterable[int]] = ..., begin: _Optional[_Union[StreamFramesRequest.Begin, str]] = ..., since_unix_ns: _Optional[int] = ..., resume: _Optional[_Iterable[_Union[Position, _Mapping]]] = ..., products: _Optional[_Iterable[_Union[Product, str]]] = ..., quabos: _Optional[_Iterable[int]] = ..., frames_before: _Optional[int] = ..., max_frames: _Optional[int] = ...) -> None: ...

class StreamFramesResponse(_message.Message):
    __slots__ = ("sequence", "first", "frames", "gap", "detected_unix_ns", "data")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    DETECTED_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    first: Position
    frames: int
    gap: str
    detected_unix_ns: int
    data: bytes
    def __init__(self, sequence: _Optional[int] = ..., first: _Optional[_Union[Position, _Mapping]] = ..., frames: _Optional[int] = ..., gap: _Optional[str] = ..., detected_unix_ns: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ("hp_io_initialized", "message", "version", "uptime_seconds", "followed", "keys", "streams", "bad_frames", "skipped_bytes", "now_unix_ns", "disks", "stalled", "sent", "dropped", "max_streams", "nodes", "sockets", "context", "receivers")
    HP_IO_INITIALIZED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPTIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FOLLOWED_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    BAD_FRAMES_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_BYTES_FIELD_NUMBER: _ClassVar[int]
    NOW_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    DISKS_FIELD_NUMBER: _ClassVar[int]
    STALLED_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    MAX_STREAMS_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    SOCKETS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    RECEIVERS_FIELD_NUMBER: _ClassVar[int]
    hp_io_initialized: bool
    message: str
    version: str
    uptime_seconds: float
    followed: Followed
    keys: _containers.RepeatedCompositeFieldContainer[KeyStatus]
    streams: _containers.RepeatedCompositeFieldContainer[StreamStatus]
    bad_frames: int
    skipped_bytes: int
    now_unix_ns: int
    disks: _containers.RepeatedCompositeFieldContainer[Disk]
    stalled: str
    sent: int
    dropped: int
    max_streams: int
    nodes: _containers.RepeatedCompositeFieldContainer[NodeStatus]
    sockets: _containers.RepeatedCompositeFieldContainer[SocketStatus]
    context: Context
    receivers: _containers.RepeatedCompositeFieldContainer[Receiver]
    def __init__(self, hp_io_initialized: bool = ..., message: _Optional[str] = ..., version: _Optional[str] = ..., uptime_seconds: _Optional[float] = ..., followed: _Optional[_Union[Followed, _Mapping]] = ..., keys: _Optional[_Iterable[_Union[KeyStatus, _Mapping]]] = ..., streams: _Optional[_Iterable[_Union[StreamStatus, _Mapping]]] = ..., bad_frames: _Optional[int] = ..., skipped_bytes: _Optional[int] = ..., now_unix_ns: _Optional[int] = ..., disks: _Optional[_Iterable[_Union[Disk, _Mapping]]] = ..., stalled: _Optional[str] = ..., sent: _Optional[int] = ..., dropped: _Optional[int] = ..., max_streams: _Optional[int] = ..., nodes: _Optional[_Iterable[_Union[NodeStatus, _Mapping]]] = ..., sockets: _Optional[_Iterable[_Union[SocketStatus, _Mapping]]] = ..., context: _Optional[_Union[Context, _Mapping]] = ..., receivers: _Optional[_Iterable[_Union[Receiver, _Mapping]]] = ...) -> None: ...

class SocketStatus(_message.Message):
    __slots__ = ("product", "path", "listening", "reason", "connected", "records", "bad_records", "skipped_bytes", "last_fault", "age_seconds", "connections")
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    LISTENING_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    BAD_RECORDS_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_BYTES_FIELD_NUMBER: _ClassVar[int]
    LAST_FAULT_FIELD_NUMBER: _ClassVar[int]
    AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    product: str
    path: str
    listening: bool
    reason: str
    connected: int
    records: int
    bad_records: int
    skipped_bytes: int
    last_fault: str
    age_seconds: float
    connections: _containers.RepeatedCompositeFieldContainer[SocketConnection]
    def __init__(self, product: _Optional[str] = ..., path: _Optional[str] = ..., listening: bool = ..., reason: _Optional[str] = ..., connected: _Optional[int] = ..., records: _Optional[int] = ..., bad_records: _Optional[int] = ..., skipped_bytes: _Optional[int] = ..., last_fault: _Optional[str] = ..., age_seconds: _Optional[float] = ..., connections: _Optional[_Iterable[_Union[SocketConnection, _Mapping]]] = ...) -> None: ...

class SocketConnection(_message.Message):
    __slots__ = ("number", "process", "modules", "records", "since_seconds", "age_seconds")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    SINCE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    number: int
    process: int
    modules: _containers.RepeatedScalarFieldContainer[int]
    records: int
    since_seconds: float
    age_seconds: float
    def __init__(self, number: _Optional[int] = ..., process: _Optional[int] = ..., modules: _Optional[_Iterable[int]] = ..., records: _Optional[int] = ..., since_seconds: _Optional[float] = ..., age_seconds: _Optional[float] = ...) -> None: ...

class Context(_message.Message):
    __slots__ = ("source", "trouble", "read_age_seconds", "instruments", "modules")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    READ_AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    source: str
    trouble: str
    read_age_seconds: float
    instruments: _containers.RepeatedCompositeFieldContainer[InstrumentStatus]
    modules: _containers.RepeatedCompositeFieldContainer[ModuleContext]
    def __init__(self, source: _Optional[str] = ..., trouble: _Optional[str] = ..., read_age_seconds: _Optional[float] = ..., instruments: _Optional[_Iterable[_Union[InstrumentStatus, _Mapping]]] = ..., modules: _Optional[_Iterable[_Union[ModuleContext, _Mapping]]] = ...) -> None: ...

class InstrumentStatus(_message.Message):
    __slots__ = ("name", "age_seconds", "values", "old", "severity", "text")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    OLD_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    name: str
    age_seconds: float
    values: _containers.ScalarMap[str, str]
    old: bool
    severity: int
    text: str
    def __init__(self, name: _Optional[str] = ..., age_seconds: _Optional[float] = ..., values: _Optional[_Mapping[str, str]] = ..., old: bool = ..., severity: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class Receiver(_message.Message):
    __slots__ = ("name", "source", "connected", "reason", "age_seconds", "messages", "other_bytes", "dropped", "fix", "satellites", "time_accuracy_ns", "qerr_ps", "utc_valid", "leap_seconds", "leap_second_ahead", "leap_second_in_seconds", "text")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    OTHER_BYTES_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    FIX_FIELD_NUMBER: _ClassVar[int]
    SATELLITES_FIELD_NUMBER: _ClassVar[int]
    TIME_ACCURACY_NS_FIELD_NUMBER: _ClassVar[int]
    QERR_PS_FIELD_NUMBER: _ClassVar[int]
    UTC_VALID_FIELD_NUMBER: _ClassVar[int]
    LEAP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    LEAP_SECOND_AHEAD_FIELD_NUMBER: _ClassVar[int]
    LEAP_SECOND_IN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    name: str
    source: str
    connected: bool
    reason: str
    age_seconds: float
    messages: int
    other_bytes: int
    dropped: int
    fix: str
    satellites: int
    time_accuracy_ns: float
    qerr_ps: float
    utc_valid: bool
    leap_seconds: int
    leap_second_ahead: int
    leap_second_in_seconds: float
    text: str
    def __init__(self, name: _Optional[str] = ..., source: _Optional[str] = ..., connected: bool = ..., reason: _Optional[str] = ..., age_seconds: _Optional[float] = ..., messages: _Optional[int] = ..., other_bytes: _Optional[int] = ..., dropped: _Optional[int] = ..., fix: _Optional[str] = ..., satellites: _Optional[int] = ..., time_accuracy_ns: _Optional[float] = ..., qerr_ps: _Optional[float] = ..., utc_valid: bool = ..., leap_seconds: _Optional[int] = ..., leap_second_ahead: _Optional[int] = ..., leap_second_in_seconds: _Optional[float] = ..., text: _Optional[str] = ...) -> None: ...

class ModuleContext(_message.Message):
    __slots__ = ("module_id", "text", "severity", "old")
    MODULE_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    OLD_FIELD_NUMBER: _ClassVar[int]
    module_id: int
    text: str
    severity: int
    old: bool
    def __init__(self, module_id: _Optional[int] = ..., text: _Optional[str] = ..., severity: _Optional[int] = ..., old: bool = ...) -> None: ...

class NodeStatus(_message.Message):
    __slots__ = ("name", "address", "connected", "reason", "since_seconds", "retry_seconds", "version", "clock_offset_seconds", "streaming", "modules", "modules_elsewhere")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SINCE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RETRY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CLOCK_OFFSET_SECONDS_FIELD_NUMBER: _ClassVar[int]
    STREAMING_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    MODULES_ELSEWHERE_FIELD_NUMBER: _ClassVar[int]
    name: str
    address: str
    connected: bool
    reason: str
    since_seconds: float
    retry_seconds: float
    version: str
    clock_offset_seconds: float
    streaming: bool
    modules: _containers.RepeatedScalarFieldContainer[int]
    modules_elsewhere: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., address: _Optional[str] = ..., connected: bool = ..., reason: _Optional[str] = ..., since_seconds: _Optional[float] = ..., retry_seconds: _Optional[float] = ..., version: _Optional[str] = ..., clock_offset_seconds: _Optional[float] = ..., streaming: bool = ..., modules: _Optional[_Iterable[int]] = ..., modules_elsewhere: _Optional[_Iterable[int]] = ...) -> None: ...

class Disk(_message.Message):
    __slots__ = ("path", "modules", "free_bytes", "total_bytes", "bytes_per_second", "hours_left")
    PATH_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    HOURS_LEFT_FIELD_NUMBER: _ClassVar[int]
    path: str
    modules: _containers.RepeatedScalarFieldContainer[int]
    free_bytes: int
    total_bytes: int
    bytes_per_second: float
    hours_left: float
    def __init__(self, path: _Optional[str] = ..., modules: _Optional[_Iterable[int]] = ..., free_bytes: _Optional[int] = ..., total_bytes: _Optional[int] = ..., bytes_per_second: _Optional[float] = ..., hours_left: _Optional[float] = ...) -> None: ...

class Followed(_message.Message):
    __slots__ = ("description", "watching", "update_interval_seconds", "module_ids", "modules", "files", "set_by", "since_seconds", "missed_events")
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    WATCHING_FIELD_NUMBER: _ClassVar[int]
    UPDATE_INTERVAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MODULE_IDS_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    SET_BY_FIELD_NUMBER: _ClassVar[int]
    SINCE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MISSED_EVENTS_FIELD_NUMBER: _ClassVar[int]
    description: str
    watching: str
    update_interval_seconds: float
    module_ids: _containers.RepeatedScalarFieldContainer[int]
    modules: _containers.RepeatedScalarFieldContainer[int]
    files: int
    set_by: str
    since_seconds: float
    missed_events: int
    def __init__(self, description: _Optional[str] = ..., watching: _Optional[str] = ..., update_interval_seconds: _Optional[float] = ..., module_ids: _Optional[_Iterable[int]] = ..., modules: _Optional[_Iterable[int]] = ..., files: _Optional[int] = ..., set_by: _Optional[str] = ..., since_seconds: _Optional[float] = ..., missed_events: _Optional[int] = ...) -> None: ...

class KeyStatus(_message.Message):
    __slots__ = ("module_id", "product", "quabo", "frames", "frames_per_second", "bytes_per_second", "file", "frame_number", "unix_ns", "time_status", "detected_unix_ns", "seqno", "age_seconds", "frame_size_bytes", "bad_frames", "skipped_bytes", "flawed_frames", "quality", "host", "snapshots", "snapshots_per_second")
    class QualityEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    MODULE_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    QUABO_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    FRAMES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    FRAME_NUMBER_FIELD_NUMBER: _ClassVar[int]
    UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    TIME_STATUS_FIELD_NUMBER: _ClassVar[int]
    DETECTED_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    SEQNO_FIELD_NUMBER: _ClassVar[int]
    AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FRAME_SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    BAD_FRAMES_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_BYTES_FIELD_NUMBER: _ClassVar[int]
    FLAWED_FRAMES_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOTS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    module_id: int
    product: str
    quabo: int
    frames: int
    frames_per_second: float
    bytes_per_second: float
    file: str
    frame_number: int
    unix_ns: int
    time_status: TimeStatus
    detected_unix_ns: int
    seqno: int
    age_seconds: float
    frame_size_bytes: int
    bad_frames: int
    skipped_bytes: int
    flawed_frames: int
    quality: _containers.ScalarMap[str, int]
    host: str
    snapshots: int
    snapshots_per_second: float
    def __init__(self, module_id: _Optional[int] = ..., product: _Optional[str] = ..., quabo: _Optional[int] = ..., frames: _Optional[int] = ..., frames_per_second: _Optional[float] = ..., bytes_per_second: _Optional[float] = ..., file: _Optional[str] = ..., frame_number: _Optional[int] = ..., unix_ns: _Optional[int] = ..., time_status: _Optional[_Union[TimeStatus, str]] = ..., detected_unix_ns: _Optional[int] = ..., seqno: _Optional[int] = ..., age_seconds: _Optional[float] = ..., frame_size_bytes: _Optional[int] = ..., bad_frames: _Optional[int] = ..., skipped_bytes: _Optional[int] = ..., flawed_frames: _Optional[int] = ..., quality: _Optional[_Mapping[str, int]] = ..., host: _Optional[str] = ..., snapshots: _Optional[int] = ..., snapshots_per_second: _Optional[float] = ...) -> None: ...

class StreamStatus(_message.Message):
    __slots__ = ("peer", "sent", "dropped", "since_seconds", "idle_seconds", "kind", "messages_per_second")
    PEER_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    SINCE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    IDLE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    peer: str
    sent: int
    dropped: int
    since_seconds: float
    idle_seconds: float
    kind: str
    messages_per_second: float
    def __init__(self, peer: _Optional[str] = ..., sent: _Optional[int] = ..., dropped: _Optional[int] = ..., since_seconds: _Optional[float] = ..., idle_seconds: _Optional[float] = ..., kind: _Optional[str] = ..., messages_per_second: _Optional[float] = ...) -> None: ...
