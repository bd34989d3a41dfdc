#include "data/rules.h"

const data_rules data_rules_0x = {
    .steps = {.pad_height_first = true,
              .pad_first_channel = true,
              .pad_keeps_shape = true,
              .flip_may_wait = true,
              .resize_may_wait = true,
              .maps_before_reducing = true,
              .loader_reduces = true},
    .parts_may_differ = true,
    .measures_parts = true,
    .own_colours_first = true,
    .colours_by_name = true,
    .plain_kind = "CustomDataset",
    .plain_classes = "classes=[...], palette=[...]",
    .classes_key = "classes=",
    .labels_key = "ann_dir",
};

const data_rules data_rules_1x = {
    .plain_kind = "BaseSegDataset",
    .plain_classes = "metainfo=dict(classes=[...], palette=[...])",
    .classes_key = "metainfo=dict(classes=...)",
    .labels_key = "data_prefix['seg_map_path']",
};
