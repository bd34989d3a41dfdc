from mmengine.config import read_base
from mmseg.models import FCNHead
import torch.nn as nn
head = dict(type=FCNHead, act=nn.ReLU)
