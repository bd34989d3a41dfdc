_base_ = './fcn_hr18s.py'
model = dict(backbone=dict(with_cp=True))
