"""``daq_data.resources``: what scripts use of it, which is one function."""

from __future__ import annotations

from daq_data.daq_data_pb2 import PanoImage, StreamImagesResponse
from panoseti_daq.client.images import ImageDict, image_dict, received_frame

__all__ = ["parse_pano_image"]


def parse_pano_image(pano_image: PanoImage) -> ImageDict:
    """Return the dict that ``stream_images`` yields, of a message: ``StreamImagesResponse.pano_image``.

    Raises
    ------
    PffError
        The message is not a frame of a known data product; a ValueError.
    """
    return image_dict(received_frame(StreamImagesResponse(pano_image=pano_image), ""))
