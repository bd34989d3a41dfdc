#include "data/datasets/table.h"

#include <string.h>

#include "data/datasets/table_data.h"

#define CLASSES(list, colours)                                                                                         \
    .n_classes = (int)(sizeof(list) / sizeof(list)[0]), .classes = (list), .palette = (colours)
#define STREET CLASSES(classes_cityscapes, palette_cityscapes)
#define VESSELS CLASSES(classes_vessels, palette_vessels)
#define CHANGE CLASSES(classes_change, palette_change), .pairs = true, .folder1 = "A", .folder2 = "B"
#define DATES(list) CHANGE, .n_semantic = (int)(sizeof(list) / sizeof(list)[0]), .semantic = (list)
#define FILES(image, label) .img_suffix = (image), .seg_map_suffix = (label)

static const dataset_kind kinds[] = {
    {.name = "CustomDataset", FILES(".jpg", ".png")},
    {.name = "BaseSegDataset", FILES(".jpg", ".png")},
    {.name = "SceneDataset", FILES(".tif", ".tif"), .scenes = true},
    /* streets */
    {.name = "CityscapesDataset", STREET, FILES("_leftImg8bit.png", "_gtFine_labelTrainIds.png")},
    {.name = "BDD100KDataset", STREET, FILES(".jpg", ".png")},
    {.name = "DarkZurichDataset", STREET, FILES("_rgb_anon.png", "_gt_labelTrainIds.png")},
    {.name = "NightDrivingDataset", STREET, FILES("_leftImg8bit.png", "_gtCoarse_labelTrainIds.png")},
    {.name = "MapillaryDataset_v1", CLASSES(classes_mapillary_v1, palette_mapillary_v1), FILES(".jpg", ".png")},
    {.name = "MapillaryDataset_v2", CLASSES(classes_mapillary_v2, palette_mapillary_v2), FILES(".jpg", ".png")},
    /* scenes and people */
    {.name = "ADE20KDataset",
     CLASSES(classes_ade20k, palette_ade20k),
     FILES(".jpg", ".png"),
     .reduce_zero_label = true},
    {.name = "COCOStuffDataset", CLASSES(classes_coco_stuff, palette_coco_stuff), FILES(".jpg", "_labelTrainIds.png")},
    {.name = "PascalVOCDataset", CLASSES(classes_voc, palette_voc), FILES(".jpg", ".png"), .needs_list = true},
    {.name = "PascalContextDataset", CLASSES(classes_context60, palette_context60), FILES(".jpg", ".png")},
    {.name = "PascalContextDataset59",
     CLASSES(classes_context59, palette_context59),
     FILES(".jpg", ".png"),
     .reduce_zero_label = true},
    {.name = "LIPDataset", CLASSES(classes_lip, palette_lip), FILES(".jpg", ".png")},
    {.name = "FaceOccludedDataset", CLASSES(classes_face, palette_face), FILES(".jpg", ".png"), .needs_list = true},
    {.name = "NYUDataset",
     CLASSES(classes_nyu, NULL),
     FILES(".jpg", ".png"),
     .refused = "its labels are depths, and there is no head that learns depths"},
    /* aerial images */
    {.name = "LoveDADataset",
     CLASSES(classes_loveda, palette_loveda),
     FILES(".png", ".png"),
     .reduce_zero_label = true},
    {.name = "ISPRSDataset", CLASSES(classes_isprs, palette_isprs), FILES(".png", ".png"), .reduce_zero_label = true},
    {.name = "PotsdamDataset", CLASSES(classes_isprs, palette_isprs), FILES(".png", ".png"), .reduce_zero_label = true},
    {.name = "iSAIDDataset", CLASSES(classes_isaid, palette_isaid), FILES(".png", "_instance_color_RGB.png")},
    /* medicine */
    {.name = "DRIVEDataset", VESSELS, FILES(".png", "_manual1.png")},
    {.name = "STAREDataset", VESSELS, FILES(".png", ".ah.png")},
    {.name = "ChaseDB1Dataset", VESSELS, FILES(".png", "_1stHO.png")},
    {.name = "HRFDataset", VESSELS, FILES(".png", ".png")},
    {.name = "REFUGEDataset", CLASSES(classes_refuge, palette_refuge), FILES(".png", ".png")},
    {.name = "SynapseDataset", CLASSES(classes_synapse, palette_synapse), FILES(".jpg", ".png")},
    {.name = "DecathlonDataset",
     FILES(".jpg", ".png"),
     .refused = "its volumes are NIfTI files, which are not read; write their slices as images"},
    {.name = "DSDLSegDataset",
     FILES(".jpg", ".png"),
     .refused = "it is described in the DSDL language; list the same files with BaseSegDataset"},
    /* change: mmseg's own, then those of Open-CD */
    {.name = "BaseCDDataset", FILES(".jpg", ".png"), .pairs = true, .folder1 = "A", .folder2 = "B"},
    {.name = "LEVIRCDDataset",
     CLASSES(classes_levir, palette_levir),
     FILES(".png", ".png"),
     .pairs = true,
     .folder1 = "A",
     .folder2 = "B"},
    {.name = "CDDataset", FILES(".jpg", ".png"), .pairs = true, .folder1 = "A", .folder2 = "B"},
    {.name = "_BaseCDDataset", FILES(".jpg", ".png"), .pairs = true, .folder1 = "A", .folder2 = "B"},
    {.name = "SCDDataset", FILES(".png", ".png"), .pairs = true, .folder1 = "im1", .folder2 = "im2"},
    {.name = "BaseSCDDataset", FILES(".jpg", ".png"), .pairs = true, .folder1 = "im1", .folder2 = "im2"},
    {.name = "LEVIR_CD_Dataset", CHANGE, FILES(".png", ".png"), .to_binary = true},
    {.name = "S2Looking_Dataset", CHANGE, FILES(".png", ".png"), .to_binary = true},
    {.name = "SVCD_Dataset", CHANGE, FILES(".jpg", ".jpg"), .to_binary = true},
    {.name = "CLCD_Dataset", CHANGE, FILES(".png", ".png"), .to_binary = true},
    {.name = "JL1_CD_Dataset", CHANGE, FILES(".png", ".png"), .to_binary = true},
    {.name = "WHU_CD_Dataset", CHANGE, FILES("", ""), .to_binary = true},
    {.name = "DSIFN_Dataset", CHANGE, FILES(".jpg", ".png")},
    {.name = "RSIPAC_CD_Dataset", CHANGE, FILES(".tif", ".png")},
    {.name = "BANDON_Dataset", DATES(semantic_bandon), FILES(".jpg", ".png")},
    {.name = "SECOND_Dataset", DATES(semantic_second), FILES(".png", ".png"), .reduce_semantic_zero_label = true},
    {.name = "Landsat_Dataset", DATES(semantic_landsat), FILES(".png", ".png"), .reduce_semantic_zero_label = true},
};

const dataset_kind *dataset_kinds(int *n)
{
    *n = (int)(sizeof kinds / sizeof kinds[0]);
    return kinds;
}

const dataset_kind *dataset_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}
