/* Segments an image with a config and a checkpoint of MMSegmentation:
 *
 *     cc segment.c $(pkg-config --cflags --libs cseg) -o segment
 *     ./segment fcn_hr18s.py iter_1500.pth photo.jpg mask.png */
#include <stdio.h>

#include <cseg/cseg.h>

int main(int argc, char **argv)
{
    cseg_error error;
    cseg_segmentor *segmentor = NULL;
    cseg_map map = {0, 0, NULL, NULL, NULL};
    if (argc != 5) {
        fprintf(stderr, "usage: segment CONFIG CHECKPOINT IMAGE MASK.png\n");
        return 2;
    }
    cseg_status status = cseg_segmentor_open(argv[1], argv[2], NULL, &segmentor, &error);
    if (status == CSEG_OK)
        status = cseg_segment_file(segmentor, argv[3], &map, &error);
    if (status == CSEG_OK)
        status = cseg_map_save(segmentor, &map, argv[4], &error);
    if (status == CSEG_OK)
        printf("%s: %s is at the centre\n", argv[3],
               cseg_segmentor_class_name(segmentor, map.ids[map.height / 2 * map.width + map.width / 2]));
    else
        fprintf(stderr, "%s\n", error.text);
    cseg_map_release(&map);
    cseg_segmentor_close(segmentor);
    return status == CSEG_OK ? 0 : 1;
}
