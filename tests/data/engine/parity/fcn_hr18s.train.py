_base_ = './fcn_hr18s.py'
model = dict(decode_head=dict(num_classes=150))
