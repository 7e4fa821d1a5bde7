"""Calibration: signals and sensor gains from the same readings."""

from sparsesci.calibration._blind import blind_calibrate
from sparsesci.calibration._calibrator import BlindGainCalibrator
from sparsesci.calibration._cramer_rao import cramer_rao_bound
from sparsesci.calibration._sensing import RandomSignOperator

__all__ = ["BlindGainCalibrator", "RandomSignOperator", "blind_calibrate", "cramer_rao_bound"]
