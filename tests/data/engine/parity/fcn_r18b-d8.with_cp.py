_base_ = './fcn_r18b-d8.py'
model = dict(backbone=dict(with_cp=True))
