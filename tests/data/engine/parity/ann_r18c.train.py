_base_ = './ann_r18c.py'
