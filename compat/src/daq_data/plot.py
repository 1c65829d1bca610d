"""``daq_data.plot``: the windows of panoseti-daq under the names of panoseti-grpc."""

from panoseti_daq.viewers.previewer import PanoImagePreviewer, PulseHeightDistribution

__all__ = ["PanoImagePreviewer", "PulseHeightDistribution"]
